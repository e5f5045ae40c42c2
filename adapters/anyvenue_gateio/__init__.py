"""Gate.io perpetual futures (API v4), usdt and btc settled."""
