"""HTTP and WebSocket machinery that every adapter would otherwise write anew."""
