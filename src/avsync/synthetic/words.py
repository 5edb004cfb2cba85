"""Word lists, grammars and voice variants: data for `avsync.synthetic.texts`."""

_EN = (
    ("the", "my", "your", "our", "a", "this", "every", "some", "their", "one"),
    ("", "big", "purple", "poor", "warm", "funny", "tiny", "brave", "yellow", "famous", "wooden", "quiet", "smooth"),
    ("baby", "farmer", "papa", "woman", "fisherman", "neighbour", "bear", "moon", "puppy", "mother", "waiter", "pilot",
     "wolf", "vet", "chef", "boy", "queen", "painter", "bishop", "family", "cowboy", "major", "bee"),
    ("bought", "made", "found", "loves", "wants", "moved", "opened", "pushed", "saw", "heard", "brought", "will wash",
     "forgot", "may buy", "should fix", "wove", "broke", "painted", "chewed", "watches", "showed me", "believes in"),
    ("five", "two", "many", "a few", "those", "more", "all of the", "both", "no", "some", "her", "a pair of"),
    ("apples", "boats", "maps", "shoes", "mushrooms", "wheels", "paper boxes", "beans", "football games", "flowers",
     "photos", "waves", "thumbs", "jam pots", "blue cars", "vegetables", "movies", "poems", "peaches", "foxes",
     "mud pies", "old books", "summer evenings", "bubbles", "white walls", "moths"),
    ("", "before breakfast", "by the river", "with a smile", "on Monday", "for you", "above the roof", "every week",
     "from far away", "in the warm room", "without a map", "at home", "because of the weather", "very often",
     "in the shop", "under a big tree", "after the show", "beside the five boys", "this evening", "now"),
)  # fmt: skip

_DE = (
    ("der", "mein", "dein", "ein", "unser", "dieser"),
    ("Vater", "Baum", "Maler", "Bruder", "Bauer", "Affe", "Freund", "Wolf", "Bäcker", "Junge", "Pfarrer", "Müller"),
    ("kauft", "findet", "bemalt", "braucht", "liebt", "öffnet", "sucht", "verpasst", "schiebt", "bewundert", "wäscht"),
    ("fünf", "viele", "zwei", "alle", "diese", "warme", "schöne", "rote", "wenige", "böse", "müde"),
    ("Äpfel", "Bücher", "Boote", "Schuhe", "Blumen", "Vögel", "Möbel", "Pferde", "Wolken", "Pilze", "Bäume", "Fische"),
    ("", "am Morgen", "im Sommer", "auf dem Berg", "bei uns zu Hause", "ohne Pause", "vor dem Fenster", "immer wieder",
     "mit viel Mut", "über dem Fluss", "um fünf Uhr"),
)  # fmt: skip

_FR = (
    ("le", "mon", "ton", "un", "ce", "votre"),
    ("beau", "petit", "pauvre", "vieux", "jeune", "brave"),
    ("facteur", "pompier", "papa", "boucher", "chien", "voisin", "poulet", "marchand", "bébé", "peintre", "roi"),
    ("mange", "veut", "achète", "trouve", "oublie", "ouvre", "apporte", "pousse", "voit", "lave", "prépare"),
    ("beaucoup de", "peu de", "cinq", "mes", "tous les", "deux", "des", "plusieurs"),
    ("pommes", "bateaux", "fleurs", "livres", "poissons", "chapeaux", "voitures", "fenêtres", "bougies", "poèmes"),
    ("", "ce matin", "pour vous", "avec amour", "au bord du fleuve", "sans bruit", "devant la maison", "tous les jours",
     "en ville", "sous la pluie"),
)  # fmt: skip

_ES = (
    ("el", "mi", "tu", "un", "este", "nuestro"),
    ("hombre", "pájaro", "amigo", "vecino", "bombero", "perro", "chico", "pintor", "abuelo", "médico", "panadero"),
    ("compra", "busca", "mueve", "abre", "lava", "empuja", "vio", "probó", "olvida", "pinta", "encuentra", "muestra"),
    ("cinco", "muchos", "pocos", "todos los", "mis", "dos", "unos", "varios"),
    ("libros", "barcos", "mapas", "zapatos", "huevos", "pueblos", "bosques", "vasos", "fósforos", "poemas", "plátanos"),
    ("", "por la mañana", "en el campo", "con mucho amor", "sin problema", "bajo la lluvia", "en febrero", "para ti",
     "cerca del río", "muy pronto", "a veces"),
)  # fmt: skip

_IT = (
    ("il mio", "il tuo", "un", "questo", "il nostro", "quel"),
    ("papà", "bambino", "amico", "fabbro", "vicino", "pompiere", "cane", "ragazzo", "pittore", "nonno", "maestro"),
    ("compra", "muove", "apre", "vuole", "trova", "spinge", "beve", "dipinge", "porta", "fabbrica", "prova", "vede"),
    ("cinque", "molti", "pochi", "tutti i", "due", "dei", "vari"),
    ("libri", "fiori", "pomodori", "mobili", "vasi", "funghi", "ombrelli", "palloni", "semi", "bicchieri", "pesci"),
    ("", "ogni mattina", "per te", "con amore", "senza paura", "sopra il tavolo", "in febbraio", "dopo pranzo",
     "vicino al fiume", "di buon umore"),
)  # fmt: skip

GRAMMARS: dict[str, tuple[tuple[str, ...], ...]] = {
    "en-us": _EN,
    "en": _EN,
    "de": _DE,
    "fr": _FR,
    "es": _ES,
    "it": _IT,
}
"""Slots of each language's sentence; one word or word group of each slot makes a sentence."""

LANGUAGE_WEIGHTS = {"en-us": 0.4, "en": 0.2, "de": 0.1, "fr": 0.1, "es": 0.1, "it": 0.1}

VOICES: dict[str, tuple[str, ...]] = {
    "train": (
        "f1", "m1", "m3", "m5", "m7", "Alex", "Andy", "Annie", "Diogo", "Gene", "Henrique", "Hugo", "Lee", "Michael",
        "Reed", "adam", "antonio", "belinda", "boris", "caleb", "david", "ed", "iven", "linda", "marcelo", "max",
        "miguel", "paul", "quincy", "rob", "travis",
    ),
    "val": ("m4", "Andrea", "Jacky", "benjamin", "gustave", "pedro", "norbert"),
    "test": ("m6", "m8", "Mario", "Mike", "anika", "steph", "edward", "ian", "john", "michel", "robert"),
}  # fmt: skip
"""espeak-ng's voice variants; a voice heard in training is not heard in the test.

Without those that echo (an echo fills the silence of a closure) and those that never say a thing the same way twice
(sandro, victor: the engine reads memory it did not write).
"""
