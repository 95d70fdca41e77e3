"""The rehearsal: the parts of all agents, and the text models' answers."""

from __future__ import annotations

from trunkline import Rehearsal
from trunkline.builtin_scenarios.customer_service_retail.authentication_rehearsal import add_authentication_part
from trunkline.builtin_scenarios.customer_service_retail.human_rehearsal import add_human_part
from trunkline.builtin_scenarios.customer_service_retail.returns_rehearsal import add_returns_part
from trunkline.builtin_scenarios.customer_service_retail.sales_rehearsal import add_sales_part
from trunkline.builtin_scenarios.customer_service_retail.text_rehearsal import add_text_answers

rehearsal = Rehearsal()
for add in (add_authentication_part, add_returns_part, add_sales_part, add_human_part, add_text_answers):
    add(rehearsal)
