"""Ids of components that callbacks know, and nothing else: what only JavaScript needs it finds by ``data-part``.

A screen adds its own ids in a section of its own.
"""

LOCATION = "location"
SCREEN = "screen"

# --- wall ---
WALL = "wall"
WALL_MAP = "wall-map"

# --- console ---
CONSOLE = "console"
CONSOLE_MAP = "console-map"
CONSOLE_SELECTION = "console-selection"
CONSOLE_ORDER_ACTION = "console-order-action"
CONSOLE_ALARM_ACTION = "console-alarm-action"
CONSOLE_RESULT = "console-result"
CONSOLE_DRAWN = "console-drawn"
CONSOLE_TOASTED = "console-toasted"
CONSOLE_TAKE = "console-take"
CONSOLE_RECOMMENDED = "console-recommended"
CONSOLE_CHOSEN = "console-chosen"
CONSOLE_TEXT = "console-text"
CONSOLE_BUSY = "console-busy"
CONSOLE_SEND = "console-send"
CONSOLE_TIMELINE = "console-timeline"
CONSOLE_NOTE = "console-note"
CONSOLE_NOTE_ADD = "console-note-add"
CONSOLE_OUTCOME = "console-outcome"
CONSOLE_CLOSE = "console-close"
REPORT_CATEGORY = "report-category"
REPORT_SEVERITY = "report-severity"
REPORT_TITLE = "report-title"
REPORT_TEXT = "report-text"
REPORT_PLACE = "report-place"
REPORT_LAT = "report-lat"
REPORT_LON = "report-lon"
REPORT_PEOPLE = "report-people"
REPORT_CALLER = "report-caller"
REPORT_PHONE = "report-phone"
REPORT_DUPLICATES = "report-duplicates"
REPORT_SEND = "report-send"
