"""The adapter for Hyperliquid perpetuals."""
