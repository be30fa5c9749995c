"""What the seed's names are made of."""

from __future__ import annotations


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


FIRST = _split(
    "amber async autumn basalt better binary bright calm cedar clear cobalt copper coral crisp distant dotted early "
    "ember fast fern frozen gentle golden granite green hidden hollow indigo ivory jade keen lazy light linen little "
    "lucid lunar maple mellow micro mint misty modern mossy narrow nimble north open paper pico plain polar proud quick "
    "quiet rapid red river robust round rustic sandy scarlet shallow silent silver simple slate small smooth snowy "
    "solar solid south spare steady still stone strict sunny swift tidy tiny typed umber urban velvet vivid warm west "
    "wild winter wooden yellow young"
)
SECOND = _split(
    "abacus anchor archive atlas badge basket beacon bridge bucket cabinet cable calendar canvas cargo catalog chart "
    "circuit clock compass cookie courier crane crate dial digest drawer engine envelope feather ferry fixture forge "
    "fountain frame funnel gadget garden gauge gazette gear hammer harbor hinge index inkwell journal kernel kettle "
    "ladder lantern lattice ledger lens letter library lighthouse locker loom magnet mailbox marble market matrix meter "
    "mirror needle notebook orbit orchard parcel parser pebble pencil pipeline planner pocket portal prism pulley "
    "quarry queue quill radar ratchet receipt record registry relay ribbon robin router sailor schema scroll shelf "
    "shuttle signal sketch socket spindle spring stamp station switch tablet ticket timer token tower tracker tunnel "
    "turbine valve vault viewer wagon wallet watcher weaver wheel whistle window workshop wrench"
)
LAST = _split(
    "api auth cli client core db django flask io json kit lib pytest sdk server tools ui utils web yaml"
)

GIVEN = _split(
    "Ada Aiko Alma Amara Ana Anders Beatriz Bo Carla Chen Chidi Daiki Dalia Dmitri Elif Emeka Esra Farid Fatima Goran "
    "Greta Hana Hugo Ines Ivan Jamal Jana Jin Jonas Kaito Karim Lan Leila Liam Lucia Malik Marta Mei Milan Nadia Noor "
    "Olga Omar Paula Pavel Priya Quinn Rahul Rosa Ryo Salma Sanna Sofia Tariq Tomas Uma Vera Wei Ximena Yara Yusuf Zofia"
)
FAMILY = _split(
    "Abara Adler Almeida Bauer Berg Castro Chowdhury Dahl Demir Diaz Eriksen Farkas Fischer Gupta Haddad Hansen Ito Jansen "
    "Kaya Kim Kovacs Kowalski Larsen Lindqvist Lopez Mbeki Mori Moreau Nakamura Nguyen Novak Okafor Oliveira Park Petrov "
    "Popescu Rahman Reyes Rossi Sato Schmidt Silva Singh Suzuki Tanaka Torres Vasquez Wagner Wang Yilmaz Zhang"
)
ORGANIZATIONS = _split(
    "Beechwood Bluefin Brightwater Cartograph Driftwood Eastgate Fieldstone Foxglove Glasswing Greywacke Halfmoon Hedgerow "
    "Ironbark Juniper Kestrel Larkspur Millrace Northlight Oakum Pinecone Quillwork Redshank Saltmarsh Thistle Westerly"
)
SUMMARIES = (
    "The {1} for people who would rather not write their own",
    "A small {1} with no dependencies",
    "Type-checked {1} helpers",
    "Read and write any {1}",
    "The {1} that our team has used for years",
    "{0} bindings for the {1} protocol",
    "Command line tools for every {1}",
    "An asynchronous {1} client",
)
REPORTS = (
    ("is_malware", "The wheel downloads a binary when it is imported"),
    ("is_spam", "The description advertises a shop"),
    ("is_dependency_confusion", "The name is that of a company's private package"),
    ("something_else", "The licence in the file is not the one that is declared"),
)
