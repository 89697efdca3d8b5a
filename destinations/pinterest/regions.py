"""Closed lists of places: ISO 3166 countries, US states and Canadian provinces.

Codes are facts of ISO 3166-1 and 3166-2; the English names are those people type. A name is
compared folded: without case, accents, spaces, punctuation and a leading "the".
"""

from __future__ import annotations

import re
import unicodedata

# alpha-2, alpha-3, English names parted by "|".
_COUNTRIES = """\
AD AND Andorra
AE ARE United Arab Emirates|UAE|Emirates
AF AFG Afghanistan
AG ATG Antigua and Barbuda
AI AIA Anguilla
AL ALB Albania
AM ARM Armenia
AO AGO Angola
AQ ATA Antarctica
AR ARG Argentina
AS ASM American Samoa
AT AUT Austria
AU AUS Australia
AW ABW Aruba
AX ALA Åland Islands|Aland
AZ AZE Azerbaijan
BA BIH Bosnia and Herzegovina|Bosnia
BB BRB Barbados
BD BGD Bangladesh
BE BEL Belgium
BF BFA Burkina Faso
BG BGR Bulgaria
BH BHR Bahrain
BI BDI Burundi
BJ BEN Benin
BL BLM Saint Barthélemy|St Barthelemy
BM BMU Bermuda
BN BRN Brunei|Brunei Darussalam
BO BOL Bolivia|Plurinational State of Bolivia|Bolivia, Plurinational State of
BQ BES Caribbean Netherlands|Bonaire, Sint Eustatius and Saba
BR BRA Brazil
BS BHS Bahamas|The Bahamas
BT BTN Bhutan
BV BVT Bouvet Island
BW BWA Botswana
BY BLR Belarus
BZ BLZ Belize
CA CAN Canada
CC CCK Cocos Islands|Cocos (Keeling) Islands
CD COD Democratic Republic of the Congo|DR Congo|Congo, Democratic Republic of the|Congo (Kinshasa)
CF CAF Central African Republic
CG COG Republic of the Congo|Congo|Congo (Brazzaville)
CH CHE Switzerland
CI CIV Côte d'Ivoire|Ivory Coast
CK COK Cook Islands
CL CHL Chile
CM CMR Cameroon
CN CHN China|People's Republic of China|PR China|Mainland China
CO COL Colombia
CR CRI Costa Rica
CU CUB Cuba
CV CPV Cape Verde|Cabo Verde
CW CUW Curaçao
CX CXR Christmas Island
CY CYP Cyprus
CZ CZE Czechia|Czech Republic
DE DEU Germany|Federal Republic of Germany
DJ DJI Djibouti
DK DNK Denmark
DM DMA Dominica
DO DOM Dominican Republic
DZ DZA Algeria
EC ECU Ecuador
EE EST Estonia
EG EGY Egypt
EH ESH Western Sahara
ER ERI Eritrea
ES ESP Spain
ET ETH Ethiopia
FI FIN Finland
FJ FJI Fiji
FK FLK Falkland Islands|Falkland Islands (Malvinas)
FM FSM Micronesia|Federated States of Micronesia|Micronesia, Federated States of
FO FRO Faroe Islands|Faeroe Islands
FR FRA France
GA GAB Gabon
GB GBR United Kingdom|United Kingdom of Great Britain and Northern Ireland|UK|Great Britain|Britain|England|Scotland|Wales|Northern Ireland
GD GRD Grenada
GE GEO Georgia
GF GUF French Guiana
GG GGY Guernsey
GH GHA Ghana
GI GIB Gibraltar
GL GRL Greenland
GM GMB Gambia|The Gambia
GN GIN Guinea
GP GLP Guadeloupe
GQ GNQ Equatorial Guinea
GR GRC Greece
GS SGS South Georgia and the South Sandwich Islands|South Georgia
GT GTM Guatemala
GU GUM Guam
GW GNB Guinea-Bissau
GY GUY Guyana
HK HKG Hong Kong|Hong Kong SAR|Hong Kong SAR China
HM HMD Heard Island and McDonald Islands
HN HND Honduras
HR HRV Croatia
HT HTI Haiti
HU HUN Hungary
ID IDN Indonesia
IE IRL Ireland|Republic of Ireland
IL ISR Israel
IM IMN Isle of Man
IN IND India
IO IOT British Indian Ocean Territory
IQ IRQ Iraq
IR IRN Iran|Islamic Republic of Iran|Iran, Islamic Republic of
IS ISL Iceland
IT ITA Italy
JE JEY Jersey
JM JAM Jamaica
JO JOR Jordan
JP JPN Japan
KE KEN Kenya
KG KGZ Kyrgyzstan
KH KHM Cambodia
KI KIR Kiribati
KM COM Comoros
KN KNA Saint Kitts and Nevis|St Kitts and Nevis
KP PRK North Korea|Korea (North)|Democratic People's Republic of Korea|Korea, Democratic People's Republic of
KR KOR South Korea|Korea|Korea (South)|Republic of Korea|Korea, Republic of
KW KWT Kuwait
KY CYM Cayman Islands
KZ KAZ Kazakhstan
LA LAO Laos|Lao People's Democratic Republic
LB LBN Lebanon
LC LCA Saint Lucia|St Lucia
LI LIE Liechtenstein
LK LKA Sri Lanka
LR LBR Liberia
LS LSO Lesotho
LT LTU Lithuania
LU LUX Luxembourg
LV LVA Latvia
LY LBY Libya
MA MAR Morocco
MC MCO Monaco
MD MDA Moldova|Republic of Moldova|Moldova, Republic of
ME MNE Montenegro
MF MAF Saint Martin|St Martin|Saint Martin (French part)
MG MDG Madagascar
MH MHL Marshall Islands
MK MKD North Macedonia|Macedonia
ML MLI Mali
MM MMR Myanmar|Burma
MN MNG Mongolia
MO MAC Macau|Macao|Macau SAR|Macao SAR China
MP MNP Northern Mariana Islands
MQ MTQ Martinique
MR MRT Mauritania
MS MSR Montserrat
MT MLT Malta
MU MUS Mauritius
MV MDV Maldives
MW MWI Malawi
MX MEX Mexico
MY MYS Malaysia
MZ MOZ Mozambique
NA NAM Namibia
NC NCL New Caledonia
NE NER Niger
NF NFK Norfolk Island
NG NGA Nigeria
NI NIC Nicaragua
NL NLD Netherlands|The Netherlands|Holland
NO NOR Norway
NP NPL Nepal
NR NRU Nauru
NU NIU Niue
NZ NZL New Zealand
OM OMN Oman
PA PAN Panama
PE PER Peru
PF PYF French Polynesia
PG PNG Papua New Guinea
PH PHL Philippines
PK PAK Pakistan
PL POL Poland
PM SPM Saint Pierre and Miquelon|St Pierre and Miquelon
PN PCN Pitcairn|Pitcairn Islands
PR PRI Puerto Rico
PS PSE Palestine|State of Palestine|Palestine, State of|Palestinian Territories
PT PRT Portugal
PW PLW Palau
PY PRY Paraguay
QA QAT Qatar
RE REU Réunion|Reunion Island
RO ROU Romania
RS SRB Serbia
RU RUS Russia|Russian Federation
RW RWA Rwanda
SA SAU Saudi Arabia
SB SLB Solomon Islands
SC SYC Seychelles
SD SDN Sudan
SE SWE Sweden
SG SGP Singapore
SH SHN Saint Helena|St Helena|Saint Helena, Ascension and Tristan da Cunha
SI SVN Slovenia
SJ SJM Svalbard and Jan Mayen|Svalbard
SK SVK Slovakia
SL SLE Sierra Leone
SM SMR San Marino
SN SEN Senegal
SO SOM Somalia
SR SUR Suriname
SS SSD South Sudan
ST STP São Tomé and Príncipe
SV SLV El Salvador
SX SXM Sint Maarten|St Maarten|Sint Maarten (Dutch part)
SY SYR Syria|Syrian Arab Republic
SZ SWZ Eswatini|Swaziland
TC TCA Turks and Caicos Islands|Turks and Caicos
TD TCD Chad
TF ATF French Southern Territories
TG TGO Togo
TH THA Thailand
TJ TJK Tajikistan
TK TKL Tokelau
TL TLS Timor-Leste|East Timor
TM TKM Turkmenistan
TN TUN Tunisia
TO TON Tonga
TR TUR Turkey|Türkiye|Turkiye
TT TTO Trinidad and Tobago|Trinidad
TV TUV Tuvalu
TW TWN Taiwan|Taiwan, Province of China
TZ TZA Tanzania|United Republic of Tanzania|Tanzania, United Republic of
UA UKR Ukraine
UG UGA Uganda
UM UMI United States Minor Outlying Islands|US minor outlying islands
US USA United States|United States of America|America
UY URY Uruguay
UZ UZB Uzbekistan
VA VAT Vatican City|Holy See|Vatican
VC VCT Saint Vincent and the Grenadines|St Vincent and the Grenadines|St Vincent
VE VEN Venezuela|Bolivarian Republic of Venezuela|Venezuela, Bolivarian Republic of
VG VGB British Virgin Islands|Virgin Islands, British|Virgin Islands (UK)
VI VIR US Virgin Islands|United States Virgin Islands|Virgin Islands, U.S.|Virgin Islands (US)
VN VNM Vietnam|Viet Nam
VU VUT Vanuatu
WF WLF Wallis and Futuna
WS WSM Samoa|Western Samoa
YE YEM Yemen
YT MYT Mayotte
ZA ZAF South Africa
ZM ZMB Zambia
ZW ZWE Zimbabwe
"""

# US states (with the District and the territories that have a postal code), then Canada's
# provinces and territories in English and French: two-letter code, names parted by "|".
_STATES = """\
AL Alabama
AK Alaska
AZ Arizona
AR Arkansas
CA California
CO Colorado
CT Connecticut
DE Delaware
DC District of Columbia|Washington DC|Washington D.C.
FL Florida
GA Georgia
HI Hawaii
ID Idaho
IL Illinois
IN Indiana
IA Iowa
KS Kansas
KY Kentucky
LA Louisiana
ME Maine
MD Maryland
MA Massachusetts
MI Michigan
MN Minnesota
MS Mississippi
MO Missouri
MT Montana
NE Nebraska
NV Nevada
NH New Hampshire
NJ New Jersey
NM New Mexico
NY New York
NC North Carolina
ND North Dakota
OH Ohio
OK Oklahoma
OR Oregon
PA Pennsylvania
RI Rhode Island
SC South Carolina
SD South Dakota
TN Tennessee
TX Texas
UT Utah
VT Vermont
VA Virginia
WA Washington
WV West Virginia
WI Wisconsin
WY Wyoming
AS American Samoa
GU Guam
MP Northern Mariana Islands
PR Puerto Rico
VI US Virgin Islands|United States Virgin Islands|Virgin Islands
AB Alberta
BC British Columbia|Colombie-Britannique
MB Manitoba
NB New Brunswick|Nouveau-Brunswick
NL Newfoundland and Labrador|Newfoundland|Terre-Neuve-et-Labrador
NS Nova Scotia|Nouvelle-Écosse
NT Northwest Territories|Territoires du Nord-Ouest
NU Nunavut
ON Ontario
PE Prince Edward Island|Île-du-Prince-Édouard
QC Québec
SK Saskatchewan
YT Yukon|Yukon Territory
"""


def fold(name: str) -> str:
    """A name as the tables know it: no case, accents, spaces, punctuation or leading "the"."""
    decomposed = unicodedata.normalize("NFKD", name.replace("&", " and ").casefold())
    return _NOT_A_LETTER.sub("", _LEADING_THE.sub("", decomposed))


_LEADING_THE = re.compile(r"\s*the\s+")
# \w leaves out combining marks, so the accents that NFKD split off go with the punctuation.
_NOT_A_LETTER = re.compile(r"[\W_]+")


def _spellings(table: str, codes_per_row: int) -> dict[str, str]:
    """Every code and name of a table as it is written there → the row's first code, lower case."""
    spellings: dict[str, str] = {}
    for row in table.splitlines():
        *codes, names = row.split(" ", codes_per_row)
        spellings.update(dict.fromkeys((*codes, *names.split("|")), codes[0].lower()))
    return spellings


COUNTRY_SPELLINGS = _spellings(_COUNTRIES, 2)
"""ISO alpha-2 and alpha-3 codes and English names → alpha-2, lower case."""

STATE_SPELLINGS = _spellings(_STATES, 1)
"""Two-letter codes and full names of US states and Canadian provinces → the code, lower case."""

_COUNTRY_CODES = {fold(spelling): code for spelling, code in COUNTRY_SPELLINGS.items()}
# Full names only: "N.Y." is no name, and stays what its sender wrote.
_STATE_CODES = {
    fold(spelling): code for spelling, code in STATE_SPELLINGS.items() if len(spelling) > 2
}

# Iowa and Ohio, and no name is longer than this many letters.
_SHORTEST_NAME = 4
_LONGEST_NAME = 100


def country_code(text: str) -> str | None:
    """ISO alpha-2, lower case, of a code or an English name; None when it is neither."""
    return _COUNTRY_CODES.get(fold(text)) if len(text) <= _LONGEST_NAME else None


def state_code(text: str) -> str:
    """The two-letter code of a full US state or Canadian province name, else the text lower-cased.

    States of other countries have no code that Pinterest names, so they stay what they are.
    """
    lowered = text.lower()
    if _SHORTEST_NAME <= len(lowered) <= _LONGEST_NAME:
        return _STATE_CODES.get(fold(text)) or lowered
    return lowered
