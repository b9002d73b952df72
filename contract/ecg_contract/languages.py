"""The languages that may be asked for; the standard library alone, so that the command line can show them at once."""

from enum import StrEnum

Language = StrEnum(
    "Language",
    # `auto` and the specification's four, then the others that Whisper has, by their ISO 639 codes
    "AUTO KO EN JA ZH "
    "AF AM AR AS AZ BA BE BG BN BO BR BS CA CS CY DA DE EL ES ET EU FA FI FO FR GL GU HA HAW HE HI HR HT HU HY ID IS "
    "IT JW KA KK KM KN LA LB LN LO LT LV MG MI MK ML MN MR MS MT MY NE NL NN NO OC PA PL PS PT RO RU SA SD SI SK SL SN "
    "SO SQ SR SU SV SW TA TE TG TH TK TL TR TT UK UR UZ VI YI YO YUE",
)
"""`auto` detects the language. Words get times of their own where an alignment model is configured (ALIGN_MODELS)."""
