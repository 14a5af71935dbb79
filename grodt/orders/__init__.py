"""Orders: approved quantities to a basket, and the life of an order."""
