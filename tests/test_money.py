from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from grodt.money import (
    MICROS_PER_CENT,
    MICROS_PER_FILL_TICK,
    decimal,
    divide_half_even,
    micros,
    micros_from_float,
    round_to_cent,
    units,
)

INT64_MAX = 2**63 - 1
INT64 = st.integers(-INT64_MAX, INT64_MAX)


class TestExactAmounts:
    @given(INT64)
    @example(INT64_MAX)
    @example(-INT64_MAX)
    def test_micros_and_decimals_are_the_same_amount(self, amount: int) -> None:
        assert micros(decimal(amount)) == amount
        assert micros(str(decimal(amount))) == amount
        assert Fraction(decimal(amount)) == Fraction(amount, 10**6)

    @given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12))
    def test_six_decimals_cross_without_loss(self, amount: Decimal) -> None:
        assert Fraction(micros(amount), 10**6) == Fraction(amount)

    @given(st.integers(-(10**40), 10**40), st.integers(7, 60))
    def test_a_seventh_decimal_is_refused(self, digits: int, places: int) -> None:
        assume(digits % 10)
        with pytest.raises(ValueError, match="more than six decimals"):
            micros(f"{digits}e-{places}")

    @pytest.mark.parametrize("text", ["1.0000001", "0.00000000000000000001", "1." + "0" * 40 + "1", "1e-999999", "1e-999999999999999999"])
    def test_digits_beyond_the_sixth_are_never_dropped_however_many_there_are(self, text: str) -> None:
        with pytest.raises(ValueError, match="more than six decimals"):
            micros(text)

    @pytest.mark.parametrize(
        ("amount", "expected"),
        [("0.000001", 1), ("-0.000001", -1), ("-0", 0), ("21.28", 21_280_000), (5, 5_000_000), ("1e3", 10**9), ("1." + "0" * 60, 10**6)],
    )
    def test_amounts_as_people_write_them(self, amount: str | int, expected: int) -> None:
        assert micros(amount) == expected

    @pytest.mark.parametrize("text", ["nan", "-nan", "sNaN", "inf", "-Infinity"])
    def test_what_is_not_finite_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="is not finite"):
            micros(text)

    @pytest.mark.parametrize("text", ["", "a lot", "1,000", "0x10", "--1"])
    def test_what_is_no_number_is_refused_with_what_was_given(self, text: str) -> None:
        with pytest.raises(ValueError, match=f"amount {text!r} is no number"):
            micros(text)

    @pytest.mark.parametrize("text", ["9223372036854.775808", "-9223372036854.775808", "1e13", "1e999999", "-1e999999999999999999"])
    def test_what_does_not_fit_64_bits_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="does not fit 64 bits"):
            micros(text)


class TestFromFloats:
    @given(st.floats(-9e12, 9e12), st.sampled_from([1, MICROS_PER_FILL_TICK, MICROS_PER_CENT, 10**6, 3, 12_500]))
    @example(21.28, 1)
    @example(0.005, MICROS_PER_CENT)
    @example(-0.015, MICROS_PER_CENT)
    @example(5e-324, 1)
    def test_the_shortest_decimal_text_is_rounded_half_even_to_the_grid(self, amount: float, grid: int) -> None:
        exact = Fraction(Decimal(repr(amount))) * 10**6 / grid
        assert micros_from_float(amount, grid) == round(exact) * grid

    @given(st.integers(-(10**15), 10**15))
    def test_a_price_in_cents_comes_back_as_it_was(self, cents: int) -> None:
        assume(abs(cents) < 10**14)
        assert micros_from_float(cents / 100) == cents * MICROS_PER_CENT

    def test_a_float_means_what_it_prints(self) -> None:
        assert micros_from_float(21.28) == 21_280_000
        assert micros_from_float(0.1 + 0.2) == 300_000
        assert micros_from_float(1.0000005) == 1_000_000  # 1.0000005 lies below its text; half-even of the text is 1.000000
        assert micros_from_float(1.0000015) == 1_000_002

    @pytest.mark.parametrize(
        ("amount", "cents"), [(0.005, 0), (0.015, 2), (0.025, 2), (-0.005, 0), (-0.015, -2), (-0.025, -2), (0.0250001, 3)]
    )
    def test_ties_go_to_the_even_cent(self, amount: float, cents: int) -> None:
        assert micros_from_float(amount, MICROS_PER_CENT) == cents * MICROS_PER_CENT

    @pytest.mark.parametrize("amount", [float("nan"), float("inf"), float("-inf")])
    def test_what_is_not_finite_is_refused(self, amount: float) -> None:
        with pytest.raises(ValueError, match="is not finite"):
            micros_from_float(amount)

    @pytest.mark.parametrize("amount", [9.3e12, -9.3e12, 1e300, 1.7976931348623157e308])
    def test_what_does_not_fit_64_bits_is_refused(self, amount: float) -> None:
        with pytest.raises(ValueError, match="does not fit 64 bits"):
            micros_from_float(amount)


class TestRounding:
    @given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
    @example(1, 2)
    @example(3, 2)
    @example(-1, 2)
    @example(-3, 2)
    def test_division_rounds_half_even_exactly(self, numerator: int, denominator: int) -> None:
        assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))

    @given(st.integers(-(10**20), 10**20), st.integers(1, 10**10))
    def test_division_is_odd_as_a_function(self, numerator: int, denominator: int) -> None:
        assert divide_half_even(-numerator, denominator) == -divide_half_even(numerator, denominator)

    @pytest.mark.parametrize("denominator", [0, -1])
    def test_a_denominator_that_is_not_positive_is_refused(self, denominator: int) -> None:
        with pytest.raises(ValueError, match=f"denominator {denominator} is not positive"):
            divide_half_even(1, denominator)

    @given(INT64)
    def test_a_cent_is_the_nearest_one(self, amount: int) -> None:
        rounded = round_to_cent(amount)
        assert rounded % MICROS_PER_CENT == 0
        assert abs(rounded - amount) <= MICROS_PER_CENT // 2
        assert rounded == round(Fraction(amount, MICROS_PER_CENT)) * MICROS_PER_CENT

    @given(INT64)
    def test_units_are_the_nearest_float(self, amount: int) -> None:
        assert units(amount) == float(Fraction(amount, 10**6))
