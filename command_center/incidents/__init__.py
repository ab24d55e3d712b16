"""How signals become incidents, and what becomes of them."""
