"""Plain data that crosses from engine to screen: frozen dataclasses, standard library only."""
