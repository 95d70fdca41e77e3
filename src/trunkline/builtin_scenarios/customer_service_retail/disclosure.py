"""The loyalty programme's offer, which agents read word for word."""

from __future__ import annotations

OFFER_ID = "a-592"

DISCLOSURE = """\
Before we go on, I have an offer that I am required to read to you in full; say yes or no at any time to stop me. \
As a customer you may join Summit Circle, the loyalty programme of Snowy Peak Boards. \
Membership is free of charge and begins on the day you accept. \
For every dollar you spend with us, you earn one point, and one hundred points are worth five dollars later. \
Points are credited when an order has been delivered, and are taken back when goods are returned. \
Points lapse twenty-four months after they were earned. \
Members get early access to our seasonal sales and one free edge-and-wax service every winter. \
By joining, you agree that we send you offers by text message, at most four a month. \
You may stop these messages at any time by answering with the word stop. \
We keep your purchases and your points for as long as you are a member, and we do not sell your data to anyone. \
You may leave the programme whenever you like, and points that are left can be used for sixty more days. \
The programme's full terms are on our website, and they may change with thirty days' notice."""

DISCLOSURE_SPEED = 1.25
"""Relative to the agent's other words: quick, and still understood."""

QUESTION = "Would you like to join Summit Circle?"
