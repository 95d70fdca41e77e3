"""The rehearsal: who plays what when no model is behind the agents."""

from __future__ import annotations

from trunkline import Rehearsal
from trunkline.builtin_scenarios.customer_service_retail.authentication_rehearsal import front_desk
from trunkline.builtin_scenarios.customer_service_retail.human_rehearsal import human_desk
from trunkline.builtin_scenarios.customer_service_retail.returns_rehearsal import returns_desk
from trunkline.builtin_scenarios.customer_service_retail.sales_rehearsal import sales_desk
from trunkline.builtin_scenarios.customer_service_retail.text_rehearsal import text_models

rehearsal = Rehearsal()
for add in (front_desk, returns_desk, sales_desk, human_desk, text_models):
    add(rehearsal)
