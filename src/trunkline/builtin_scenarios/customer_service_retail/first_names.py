"""First names for the speech recogniser; typed names may be others."""

from __future__ import annotations

_NAMES = """
adam alex alice amanda amy andrea andrew angela anna anne anthony barbara ben benjamin betty brian carol caroline
charles charlotte chris christina christopher claire cynthia dan dana daniel david deborah dennis diana donald
donna dorothy ed edward elizabeth ella emily emma eric ethan frank gary george grace greg hannah harry heather
helen henry isabella jack jacob james jane janet jason jeff jennifer jeremy jessica jim joan joe john jonathan
jordan joseph joshua judy julia julie justin karen kate katherine kathleen kelly ken kevin kim kyle larry laura
lauren leo linda lisa louis lucas lucy margaret maria marie mark martin mary matthew megan melissa michael michelle
mike nancy nathan nick nicole noah nora oliver olivia pamela patricia patrick paul peter philip rachel ralph
raymond rebecca richard robert roger ron rose russell ruth ryan sam samantha samuel sandra sara sarah scott sean
sharon simon sophia sophie stephanie stephen steve steven susan taylor teresa thomas tim timothy tom tony tyler
victoria vincent walter wayne william zachary zoe
"""
FIRST_NAMES = _NAMES.split()
