"""What every venue's simulator stands on: sockets, accounts and keys, rate limits, faults, and a market behind them."""
