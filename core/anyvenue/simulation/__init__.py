"""The simulated exchange: what fills orders when no real venue does, and the market data that drives it."""
