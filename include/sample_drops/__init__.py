"""Believable drops for a first look and for tests: fictional agencies, seeded contents.

`catalogue.CATALOGUE` lists every drop with what should become of it; `writing.write` puts them into
an inbox. The same seed gives the same bytes and the same modification times.
"""
