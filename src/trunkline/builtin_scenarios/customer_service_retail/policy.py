"""The shop's return policy."""

from __future__ import annotations

POLICY = """\
Snowy Peak Boards: returns, exchanges and refunds

1. The window. Goods may be returned within 30 days of delivery.
2. Their condition. They are unused, in the original packaging, and have their tags. For used or damaged goods a \
restocking fee may be charged.
3. Defects. A fault in material or workmanship that goes beyond normal wear is refunded or exchanged within one year \
of purchase, used or not, where the caller describes it in enough detail to tell it from damage: what exactly has \
failed, and what it was doing at the time. "It's defective, there's a big crack" is not enough: ask for more. "The \
board delaminated and an edge came off in normal use, after three runs" is enough. The description decides; no photos \
are needed.
4. Shipping. The costs of shipping are normally not refunded. Where the shop made the mistake, such as a wrong or \
faulty item, they are refunded too.
5. Inspection. What comes back is inspected, which takes up to 5 business days. The refund then goes to the original \
means of payment.
6. Exchanges. They are subject to stock. An exchange is a transaction of its own: the return is settled first, and a \
difference in price is paid or refunded.
7. Promotions. If an item came with a free or reduced one, that one comes back too, or its value is deducted from the \
refund.
8. After the window. For goods without a defect that can still be sold as new, the shop may give store credit, at its \
discretion.
9. Frequent returns. The shop may decline returns of customers who return very often.
10. On the way. What has not been delivered yet cannot be returned yet.

Returns and service: 123 Alpine Avenue, Queenstown 9300, and 456 Glacier Road, Wanaka 9305, New Zealand.
"""
