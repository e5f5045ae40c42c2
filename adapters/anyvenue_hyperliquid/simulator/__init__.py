"""A simulator that speaks Hyperliquid's protocol."""
