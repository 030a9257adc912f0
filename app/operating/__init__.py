"""What an operator keeps in order: sites, chargers and who sees them, cards.

Services that pages and commands call; each refuses by itself (T4) and writes the audit log (P24).
"""
