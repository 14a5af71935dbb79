"""What of the ledger's schema the tables' own definitions do not make: the triggers that keep facts, and the view of evidence."""

from collections.abc import Iterable, Iterator

#: Names and texts of views, by dialect. PostgreSQL's numbers do not overflow to infinity.
VIEWS = {
    "sqlite": """
CREATE VIEW risk_checks AS SELECT e.run_id, e.attempt, e.control, e.scope, c.key AS symbol, e.name,
  CASE c.type WHEN 'array' THEN json_extract(c.value, '$[0]') ELSE c.value END AS value,
  CASE c.type WHEN 'array' THEN json_extract(c.value, '$[1]') ELSE e.bound END AS bound,
  CASE c.type WHEN 'array' THEN json_extract(c.value, '$[2]') ELSE e.bound - c.value END AS headroom,
  e.verdict,
  CASE c.type WHEN 'array' THEN json_extract(c.value, '$[3]') ELSE '' END AS reason
FROM evidence AS e, json_each(e.checks) AS c
""",
    "postgresql": """
CREATE VIEW risk_checks AS SELECT e.run_id, e.attempt, e.control, e.scope, c.key COLLATE "C" AS symbol, e.name,
  replace(CASE w.whole WHEN true THEN c.value ->> 0 ELSE c.value #>> '{}' END, '9e999', 'Infinity')::double precision AS value,
  CASE w.whole WHEN true THEN replace(c.value ->> 1, '9e999', 'Infinity')::double precision ELSE e.bound END AS bound,
  CASE w.whole WHEN true THEN replace(c.value ->> 2, '9e999', 'Infinity')::double precision
    ELSE nullif(e.bound - replace(c.value #>> '{}', '9e999', 'Infinity')::double precision, 'NaN') END AS headroom,
  e.verdict,
  CASE w.whole WHEN true THEN c.value ->> 3 ELSE '' END COLLATE "C" AS reason
FROM evidence AS e, LATERAL json_each(e.checks::json) AS c, LATERAL (SELECT json_typeof(c.value) = 'array' AS whole) AS w
""",
}
_REFUSES = (
    "CREATE OR REPLACE FUNCTION grodt_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
)


def append_only(dialect: str, tables: Iterable[str]) -> Iterator[str]:
    """Statements that make tables append-only: triggers refuse every update and delete, and in PostgreSQL every truncation."""
    if dialect == "sqlite":
        for table in tables:
            for act in ("update", "delete"):
                refusal = f"SELECT RAISE(ABORT, '{table} is append-only')"
                yield f"CREATE TRIGGER {table}_no_{act} BEFORE {act.upper()} ON {table} BEGIN {refusal}; END"
        return
    yield _REFUSES
    for table in tables:
        for act, each in (("update", "ROW"), ("delete", "ROW"), ("truncate", "STATEMENT")):
            yield f"CREATE TRIGGER {table}_no_{act} BEFORE {act.upper()} ON {table} FOR EACH {each} EXECUTE FUNCTION grodt_append_only()"
