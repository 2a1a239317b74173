"""The processes that the engine runs in: a server, its pools of confined workers, and the client that asks
them."""
