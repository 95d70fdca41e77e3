"""Facts about the shop, for all agents."""

from __future__ import annotations

COMPANY = "Snowy Peak Boards"
HOURS = "Monday to Friday from 8 in the morning to 6 in the evening, and Saturday from 9 to 1. On Sunday we are closed."
PLACES = "123 Alpine Avenue, Queenstown 9300, and 456 Glacier Road, Wanaka 9305, in New Zealand"

CONTEXT = f"""\
# Context
- Company: {COMPANY}, a shop for snowboards and what goes with them.
- Hours: {HOURS}
- Returns and service: {PLACES}.
- Products: snowboards for every style, boots, bindings, helmets, clothing, goggles and other accessories. Only what a \
tool tells you is certain: names, prices, stock and orders.
- Online fitting: on the shop's website, people answer a few questions about their height, weight and style, and see \
which boards and boots fit. It is free and takes five minutes.
- Loyalty programme: Summit Circle, free of charge. Members collect points, buy early in sales, and get one \
edge-and-wax service every winter.

# Reference pronunciations
- Snowy Peak Boards: SNOH-ee PEEK BORDZ
- Queenstown: KWEENZ-town
- Wanaka: WAH-nah-kah
- Schedule: SHED-yool
- SKU: skew"""
