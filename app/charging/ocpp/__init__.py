"""The chargers' socket: OCPP 1.6J and 2.0.1, tolerant in and strict out.

It knows of the rest of charging by `reports` alone.
"""
