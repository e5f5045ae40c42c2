"""GaiaEx perpetual futures, settled in USDC."""
