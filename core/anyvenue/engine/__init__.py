"""The engine: runs a strategy on any venues, the same way in backtest, paper and live."""
