#!/usr/bin/env python3
"""Writes quickstart.jsonl by the rules in README.md: the same bytes each time.

Items of `arithmetic`, half of `transform` and half of `extraction` are drawn from templates with SEED; the others are
written here by hand. `python3 benches/prompts/generate.py --check` fails where the file differs.
"""
import json
import pathlib
import random
import re
import sys

SEED = 20261129
FILE = pathlib.Path(__file__).with_name("quickstart.jsonl")
SYSTEMS = [
    "You are a helpful assistant.",
    "Answer briefly.",
    "You work for the customer service of a small shop.",
    "You are a careful teacher.",
    "Reply in plain language.",
]
# kind: items, max_tokens, as README.md promises
KINDS = {
    "fact": (45, 32), "arithmetic": (40, 48), "extraction": (40, 32), "label": (40, 8), "json": (30, 80),
    "transform": (25, 40), "explain": (50, 180), "write": (30, 220), "code": (20, 32), "language": (20, 40),
}

# Questions on common knowledge, with all usual names of the answer.
FACTS = [
    ("Which planet is closest to the Sun?", "Mercury"),
    ("What gas do plants take from the air to make sugar?", ["carbon dioxide", "CO2", "CO₂"]),
    ("What is the capital of Norway?", "Oslo"),
    ("Which ocean lies between Africa and Australia?", "Indian"),
    ("How many sides does a hexagon have?", ["six", "6"]),
    ("What do we call frozen water?", "ice"),
    ("Which organ pumps blood through the body?", "heart"),
    ("What is the chemical symbol of gold?", "Au"),
    ("In which continent is the Sahara?", "Africa"),
    ("How many minutes are there in three hours?", ["180", "one hundred and eighty", "one hundred eighty"]),
    ("What instrument has 88 keys in its usual form?", "piano"),
    ("Which metal is liquid at room temperature?", "mercury"),
    ("What is the largest mammal?", ["blue whale", "whale"]),
    ("Which language has the most native speakers in Brazil?", "Portuguese"),
    ("What is the boiling point of water at sea level in degrees Celsius?", ["100", "hundred"]),
    ("What do bees make from nectar?", "honey"),
    ("Which country has Nairobi as its capital?", "Kenya"),
    ("What force pulls things towards the ground?", ["gravity", "gravitation"]),
    ("How many continents are usually counted?", ["seven", "7"]),
    ("Which season follows autumn?", "winter"),
    ("What is the square root of 81?", ["9", "nine"]),
    ("What is the young of a dog called?", ["puppy", "pup"]),
    ("Which blood cells carry oxygen?", ["red", "erythrocytes", "erythrocyte"]),
    ("What is the opposite direction of north-east?", ["south-west", "southwest", "south west"]),
    ("Which mountain range separates France from Spain?", "Pyrenees"),
    ("What is the main ingredient of bread?", ["flour", "wheat"]),
    ("How many players of one team are on the field in football (soccer)?", ["11", "eleven"]),
    ("What is the currency of Japan?", "yen"),
    ("Which device measures temperature?", "thermometer"),
    ("What color do you get when you mix blue and yellow paint?", "green"),
    ("Which planet is known for its large rings?", "Saturn"),
    ("What is the hardest natural material?", ["diamond", "diamonds"]),
    ("Which part of a plant takes up water from the soil?", ["root", "roots"]),
    ("What do you call a person who studies the stars?", "astronomer"),
    ("Which river flows through Cairo?", "Nile"),
    ("How many strings does a violin have?", ["four", "4"]),
    ("What does a caterpillar turn into?", ["butterfly", "moth"]),
    ("Which gas makes up most of the air?", "nitrogen"),
    ("What is the first month with 30 days in a year?", "April"),
    ("Which sense do we use with our ears?", ["hearing", "sound"]),
    ("What is the capital of Canada?", "Ottawa"),
    ("What is H2O commonly called?", "water"),
    ("Which animal is called the ship of the desert?", "camel"),
    ("How many zeros does one million have?", ["six", "6"]),
    ("Which star is nearest to the Earth?", "Sun"),
]

# A text, a question that it answers, the answer.
EXTRACTIONS = [
    ("The workshop moved out of the cellar in March, because the floor was damp after every storm. Since then the lathe "
     "stands on the second floor, beside the window that looks over the canal, and the old rooms hold nothing but paint.",
     "Why did the workshop leave the cellar?", ["damp", "wet", "moisture"]),
    ("Our ferry leaves at 7:40 from the east pier. Passengers with bicycles board first and should be at the gate twenty "
     "minutes before that. Dogs travel free of charge, but they stay on the lower deck.",
     "Who boards first?", ["bicycles", "bicycle", "bikes", "cyclists"]),
    ("The recipe asks for two onions, a leek, half a liter of broth and a spoon of mustard. Cook the vegetables until they "
     "are soft, then stir in the mustard. Cream is not needed.", "What is stirred in at the end?", "mustard"),
    ("Mira Olden took over the bakery from her uncle when he retired. She kept the rye loaf, dropped the cakes, and opened a "
     "second shop by the station last year.", "What did she stop selling?", ["cakes", "cake"]),
    ("The museum is closed on Mondays. From May to September it stays open until eight in the evening on Thursdays; on all "
     "other days it closes at five.", "On which day is the museum closed?", ["Monday", "Mondays"]),
    ("The pump failed twice this week. On Tuesday a fuse had blown; on Friday sand had blocked the filter. Both times the "
     "night shift had it running again within the hour.", "What blocked the filter?", "sand"),
    ("Tenants may keep cats and small birds. Dogs need the written consent of the owner of the house. Snakes and spiders are "
     "not allowed at all.", "For which animals is written consent needed?", ["dogs", "dog"]),
    ("The survey went to 900 households, of which 620 answered. Most of those who answered want a new playground; fewer ask "
     "for more parking.", "What do most households want?", "playground"),
    ("The comet was first seen by a school class in Lindal, who had pointed their telescope at the wrong star. Their teacher "
     "reported it the same night.", "Who saw the comet first?", ["school class", "class", "pupils", "students"]),
    ("The contract runs for two years and is extended by one year each time, unless one side ends it in writing three months "
     "before.", "For how long does the contract run at first?", ["two years", "2 years"]),
    ("Deliveries come through the back gate in Mill Lane. The code of the gate is given by phone on the morning of the "
     "delivery, since it changes every day.", "Where do deliveries come in?", ["back gate", "Mill Lane"]),
    ("The choir meets in the school hall. In winter, when the hall is too cold, it sings in the library instead, where it "
     "has to end by nine because of the neighbors.", "Where does the choir sing in winter?", "library"),
    ("Leaf rust was found in the north field only. The south field had been sown with another variety, and the trees at its "
     "edge keep the wind away.", "In which field was rust found?", "north"),
    ("The boat has three cabins. The captain sleeps in the front one, the two middle berths belong to the cook and the "
     "mechanic, and the back cabin is kept free for guests.", "Who sleeps in the front cabin?", "captain"),
    ("When the server room grew too warm, the staff opened a window, which brought in dust. A week later two disks failed. "
     "Since then the window is locked.", "What came in through the window?", "dust"),
    ("The prize is shared this year. Half of it goes to a map of old wells, half to a film about bakers who work at night.",
     "What is the film about?", ["bakers", "baker"]),
    ("Guests check in after three and leave before eleven. Luggage may stay at the desk until six, for a small fee that goes "
     "to the lifeboat fund.", "Until what time may luggage stay?", ["six", "6"]),
    ("The bridge was built of oak and lasted sixty years. The new one is of steel and carries trams as well.",
     "What was the old bridge made of?", ["oak", "wood"]),
    ("The library lends tools as well as books: drills, ladders, even a sewing machine. Ladders must be back the next day; "
     "everything else after a week.", "What must be returned the next day?", ["ladders", "ladder"]),
    ("A fox was seen near the hen house on Sunday. On Monday the fence was mended, and since then no eggs have been lost.",
     "What was mended?", "fence"),
]

# Texts, labels, the right label.
SENTIMENTS = ["positive", "negative"]
TOPICS = ["sports", "cooking", "finance", "travel"]
QUEUES = ["billing", "delivery", "repair", "account"]
URGENCY = ["urgent", "not urgent"]
LABELS = [
    ("The soup was cold and the waiter forgot us twice.", SENTIMENTS, 1),
    ("I have never slept so well in a hotel.", SENTIMENTS, 0),
    ("The jacket lost its color in the first wash.", SENTIMENTS, 1),
    ("Clear instructions, and it worked at once.", SENTIMENTS, 0),
    ("What a waste of an evening; we left at the interval.", SENTIMENTS, 1),
    ("My daughter loves this bicycle and rides it every day.", SENTIMENTS, 0),
    ("The battery is empty after two hours, every time.", SENTIMENTS, 1),
    ("Friendly people, fair prices, and they even carried it upstairs.", SENTIMENTS, 0),
    ("The second half of the book drags, and the end makes no sense.", SENTIMENTS, 1),
    ("Best coffee in town, and the seats are comfortable too.", SENTIMENTS, 0),
    ("The goalkeeper saved two penalties in the last minutes.", TOPICS, 0),
    ("Let the dough rest for an hour before you roll it out.", TOPICS, 1),
    ("The central bank left the interest rate unchanged.", TOPICS, 2),
    ("Take the night train and you arrive before breakfast.", TOPICS, 3),
    ("Her serve was too strong for the champion of last year.", TOPICS, 0),
    ("Fry the garlic gently; it must not turn brown.", TOPICS, 1),
    ("Shareholders will receive a higher dividend this spring.", TOPICS, 2),
    ("The visa is issued at the border and costs twenty dollars.", TOPICS, 3),
    ("The relay team was disqualified for a late exchange.", TOPICS, 0),
    ("Bond prices fell after the report on inflation.", TOPICS, 2),
    ("I was charged twice for the same invoice.", QUEUES, 0),
    ("The parcel was left in the rain in front of the wrong house.", QUEUES, 1),
    ("The drum of the washing machine no longer turns.", QUEUES, 2),
    ("I cannot sign in since I changed my password.", QUEUES, 3),
    ("When will my order arrive? The tracking page has not moved for days.", QUEUES, 1),
    ("Please send the receipt again, with the tax shown apart.", QUEUES, 0),
    ("The screen flickers as soon as it gets warm.", QUEUES, 2),
    ("How do I change the mail address that belongs to my profile?", QUEUES, 3),
    ("The courier came a day early and nobody was home.", QUEUES, 1),
    ("The handle broke off; can you mend it?", QUEUES, 2),
    ("There is water running out of the ceiling onto the fuse box.", URGENCY, 0),
    ("Could you send me the new catalog when it is printed?", URGENCY, 1),
    ("The alarm in the cold store has been ringing for ten minutes.", URGENCY, 0),
    ("I would like to book a table for my birthday in four months.", URGENCY, 1),
    ("A customer has fallen on the stairs and cannot get up.", URGENCY, 0),
    ("The clock in the hall is two minutes slow.", URGENCY, 1),
    ("Smoke is coming from the charging station.", URGENCY, 0),
    ("Please note that our office moves next year.", URGENCY, 1),
    ("The brakes of the delivery van do not work any more.", URGENCY, 0),
    ("Thank you for the calendar, it looks nice.", URGENCY, 1),
]
QUESTIONS = {
    id(SENTIMENTS): "Is this review positive or negative?",
    id(TOPICS): "What is this sentence about: sports, cooking, finance or travel?",
    id(QUEUES): "Which team should handle this message: billing, delivery, repair or account?",
    id(URGENCY): "Is this message urgent or not urgent?",
}

# A sentence and the object in it: text fields, numbers, true or false.
OBJECTS = [
    ("Anna Bergel is 34 years old and lives in Torvik.", {"name": "Anna Bergel", "age": 34, "city": "Torvik"}),
    ("The blue kettle costs 29 euros and is in stock.", {"product": "kettle", "color": "blue", "price": 29}),
    ("Flight KX 204 leaves at 09:15 from gate 7.", {"flight": "KX 204", "time": "09:15", "gate": 7}),
    ("Room 12 has 3 beds and no balcony.", {"room": 12, "beds": 3, "balcony": False}),
    ("The meeting is on Thursday at 14:00 in the green room.", {"day": "Thursday", "time": "14:00"}),
    ("We need 40 chairs and 5 tables.", {"chairs": 40, "tables": 5}),
    ("The package weighs 8 kilograms and goes to Lisbon.", {"weight_kg": 8, "destination": "Lisbon"}),
    ("Tomas has passed the driving test.", {"name": "Tomas", "passed": True}),
    ("The film lasts 95 minutes and has subtitles.", {"minutes": 95, "subtitles": True}),
    ("Oslo is colder than Rome today: 4 degrees against 17.", {"oslo": 4, "rome": 17}),
    ("Order 5531 was paid but has not been sent.", {"order": 5531, "paid": True, "sent": False}),
    ("The tower is 62 meters high and was built in 1911.", {"height_m": 62, "year": 1911}),
    ("Lena scored 3 goals, Iris scored 1.", {"Lena": 3, "Iris": 1}),
    ("The red bus number 18 goes to the harbor.", {"color": "red", "number": 18, "destination": "harbor"}),
    ("Two adults and one child stay for 6 nights.", {"adults": 2, "children": 1, "nights": 6}),
    ("The shop opens at 8 and closes at 18 o'clock.", {"opens": 8, "closes": 18}),
    ("The dog is called Pico and is 5 years old.", {"name": "Pico", "age": 5, "species": "dog"}),
    ("There are 250 seats, of which 30 are taken.", {"seats": 250, "taken": 30}),
    ("The cable is 15 meters long and black.", {"length_m": 15, "color": "black"}),
    ("Please call Mr. Halvo, extension 417.", {"name": "Halvo", "extension": 417}),
    ("The soup contains nuts but no milk.", {"nuts": True, "milk": False}),
    ("Invoice 88 is about 1200 dollars and due on Friday.", {"invoice": 88, "amount": 1200, "due": "Friday"}),
    ("The garden is 30 meters long and 12 meters wide.", {"length": 30, "width": 12}),
    ("The lamp has 2 bulbs and works.", {"bulbs": 2, "works": True}),
    ("The train to Brenau is 25 minutes late.", {"destination": "Brenau", "delay_minutes": 25}),
    ("Kiosk 3 sold 140 tickets.", {"kiosk": 3, "tickets": 140}),
    ("The lake is 48 meters deep and freezes in winter.", {"depth_m": 48, "freezes": True}),
    ("Box 9 holds 64 screws.", {"box": 9, "screws": 64}),
    ("The course starts in May and has 12 places.", {"month": "May", "places": 12}),
    ("The phone is new and costs 310 dollars.", {"new": True, "price": 310}),
]

# Tasks on words, by hand; the other half is drawn.
TRANSFORMS = [
    ("Write this sentence in the past tense: She walks to the market.", "contains", "walked"),
    ("Write the plural of the word 'child'.", "contains", "children"),
    ("Write this in capital letters: open daily", "regex", r"OPEN DAILY"),
    ("Which word does not belong to the others: apple, pear, hammer, plum?", "contains", "hammer"),
    ("Turn this into a question: The shop is open.", "regex", r"(?i)is the shop open\?"),
    ("Write the number seventeen in digits.", "contains", "17"),
    ("Give the opposite of the word 'empty'.", "contains", "full"),
    ("Replace 'dog' by 'cat' in this sentence: The dog sleeps.", "regex", r"(?i)the cat sleeps"),
    ("Complete the series: Monday, Tuesday, Wednesday, …", "contains", "Thursday"),
    ("Shorten 'for example' to its usual abbreviation.", "regex", r"(?i)e\. ?g\."),
    ("Correct the spelling: recieve", "contains", "receive"),
    ("Write the date 3 February 2024 in the form YYYY-MM-DD.", "contains", "2024-02-03"),
    ("Join these two words to one: sun, flower.", "contains", "sunflower"),
]

# A topic, and words of which a right explanation holds one.
EXPLANATIONS = [
    ("why the sky is blue on a clear day", ["scatter", "scatters", "scattered", "scattering"]),
    ("how a bicycle stays upright while it is ridden", ["balance", "balanced", "steering", "steer", "gyroscopic", "momentum"]),
    ("what causes the tides of the sea", ["moon", "gravity", "gravitational"]),
    ("how soap removes grease", ["molecule", "molecules", "oil", "micelles", "surfactant"]),
    ("why ice floats on water", ["dense", "density", "denser"]),
    ("how a vaccine protects the body", ["immune", "antibodies", "immunity"]),
    ("why leaves change their color in autumn", ["chlorophyll", "pigment", "pigments"]),
    ("how a refrigerator keeps food cold", ["heat", "refrigerant", "coolant"]),
    ("what a budget is and why a household makes one", ["income", "expenses", "spending", "spend", "money"]),
    ("how an electric motor turns", ["magnet", "magnets", "magnetic", "current"]),
    ("why we see lightning before we hear thunder", ["faster", "speed", "slower"]),
    ("how bread dough rises", ["yeast", "gas", "carbon dioxide"]),
    ("what inflation means for savings", ["prices", "price", "value", "purchasing power", "buy"]),
    ("how a search engine finds pages", ["index", "indexed", "indexes", "crawl", "crawler", "crawlers", "keywords"]),
    ("why sleep is important", ["rest", "memory", "body", "brain", "health"]),
    ("how a lever helps to lift a heavy stone", ["force", "fulcrum", "pivot"]),
    ("what photosynthesis is", ["sunlight", "light"]),
    ("how a password manager makes accounts safer", ["passwords", "password"]),
    ("why metals feel colder than wood", ["heat", "conduct", "conducts", "conductor", "conductivity"]),
    ("how rain forms", ["vapor", "evaporates", "evaporation", "condense", "condenses", "condensation", "droplets"]),
    ("what a loan with interest costs the borrower", ["interest"]),
    ("how a camera takes a picture", ["light", "lens", "sensor"]),
    ("why the seasons change", ["tilt", "tilted", "axis", "orbit", "orbits"]),
    ("how bees help fruit trees", ["pollen", "pollinate", "pollination", "pollinators"]),
    ("what an algorithm is", ["steps", "instructions", "step", "procedure", "rules"]),
    ("how a thermostat controls the heating", ["temperature"]),
    ("why salt is spread on icy roads", ["freezing", "freezes", "melt", "melts", "melting"]),
    ("how the heart works", ["blood"]),
    ("what a compass needle points to and why", ["magnetic", "north"]),
    ("how recycling paper saves trees", ["paper", "fibers", "fibres", "pulp", "wood"]),
    ("why a balloon rises when it is filled with helium", ["lighter", "density", "dense", "buoyancy", "buoyant"]),
    ("how a credit card differs from a debit card", ["bank account", "borrow", "loan", "account", "balance"]),
    ("what happens in the body when we have a fever", ["temperature", "immune", "infection"]),
    ("how a dam produces electricity", ["turbine", "turbines"]),
    ("why old wooden houses creak at night", ["temperature", "contract", "contracts", "expand", "expands", "cool", "cools", "shrink"]),
    ("how an email reaches another person", ["server", "servers", "internet"]),
    ("what a food chain is", ["eat", "eats", "eaten", "energy", "predators", "plants"]),
    ("how glasses help people who see badly", ["lens", "lenses", "focus", "light"]),
    ("why the moon seems to change its shape", ["sunlight", "sun", "light", "orbit", "orbits", "phases"]),
    ("how a hybrid car saves fuel", ["electric", "battery", "motor"]),
    ("what teamwork needs to succeed", ["communication", "communicate", "trust", "goal", "goals"]),
    ("how a plane stays in the air", ["lift", "wing", "wings"]),
    ("why regular breaks help when one studies", ["focus", "concentrate", "concentration", "rest", "memory", "attention"]),
    ("how compost is made", ["decompose", "decomposes", "decomposition", "bacteria", "microorganisms", "organic", "break down", "breaks down"]),
    ("what a warranty is", ["repair", "repaired", "replace", "defect", "defects", "manufacturer", "seller"]),
    ("how a barcode is read in a shop", ["scanner", "scanners", "laser", "light"]),
    ("why we should wash our hands before meals", ["germs", "bacteria", "viruses", "disease", "diseases"]),
    ("how a sundial shows the time", ["shadow"]),
    ("what supply and demand do to a price", ["demand"]),
    ("how a seed becomes a plant", ["germinate", "germinates", "germination", "root", "roots", "sprout", "sprouts"]),
]
EXPLAIN_FORMS = [
    "Explain {} in about 100 words.", "A pupil asks {}. Write a paragraph as an answer.", "In one paragraph, explain {}.",
    "Write about 100 words on {}.", "Please explain {} to somebody who has never heard of it.",
]

# A text to write, and the detail that must be in it.
WRITINGS = [
    ("Write a mail to a customer named Ms. Farrow: her order 7714 will arrive two days late. Apologize.", "7714"),
    ("Write a notice for the stairwell: the water will be turned off on 14 March from 8 to 12.", "14"),
    ("Write an invitation to a summer party of the choir on Saturday at Lake Elmen.", "Elmen"),
    ("Write a short letter that ends the rental of garage number 26.", "26"),
    ("Write a friendly reminder that invoice 3092 has not been paid yet.", "3092"),
    ("Write a job advertisement for a gardener; the working time is 30 hours a week.", "30"),
    ("Write a thank-you note to the Hollin family for their help with moving.", "Hollin"),
    ("Write the description of a used desk that is sold for 45 euros.", "45"),
    ("Write a mail to the team: the meeting moves from Tuesday to Wednesday.", "Wednesday"),
    ("Write a complaint about a kettle called Vapora that leaks.", "Vapora"),
    ("Write a welcome text for guests of a small guesthouse called Quince House.", "Quince House"),
    ("Write a short report: the trial with the new seeds in field 5 went well.", "5"),
    ("Write a mail that asks the town hall about a permit for a street market in June.", "June"),
    ("Write a notice that a gray cat named Miso has been lost near the park.", "Miso"),
    ("Write a product text for a rain jacket called Drizzler.", "Drizzler"),
    ("Write a mail in which you decline the offer of the firm Abeltec politely.", "Abeltec"),
    ("Write a short speech for a colleague, Rudo, who retires after 40 years.", "Rudo"),
    ("Write instructions in five steps for making a cup of tea.", "water"),
    ("Write a short story about a lighthouse keeper who finds a letter.", ["letter", "lighthouse"]),
    ("Write a postcard from a holiday in the mountains, with one sentence on the weather.", ["mountain", "mountains", "weather"]),
    ("Summarize this for a newspaper in three sentences: The village of Marn has voted to keep its school open. It has 31 "
     "pupils and two teachers. The county wanted to close it to save money. Parents had collected signatures for a year.", "Marn"),
    ("Summarize this mail in two sentences: Dear all, the printer on the third floor will be replaced next Monday. Until then, "
     "please use the one in the library. The new printer needs your badge, so bring it with you. Regards, Pell.", "printer"),
    ("Write a list of six things to pack for a day at the beach, each with a reason.", ["towel", "sunscreen", "water", "hat"]),
    ("Write a mail to a teacher: your son Jaro is ill and stays at home today.", "Jaro"),
    ("Write a short review of a restaurant where the fish was good and the service slow.", "fish"),
    ("Write a text for a website that explains the delivery fee of 4 euros.", "4"),
    ("Write a note to a neighbor asking to water the plants from the 3rd to the 9th.", ["plants", "plant"]),
    ("Write an announcement: the library opens on Sundays from now on.", ["Sunday", "Sundays"]),
    ("Write a mail asking for a price for printing 500 flyers.", "500"),
    ("Write a short dialog between a baker and a customer who wants a rye loaf.", "rye"),
]

# Code, and what it gives.
CODES = [
    ("What does this Python code print?\n\nprint(3 * 4 + 1)", "number", 13),
    ("What does this Python code print?\n\nprint(len('garden'))", "number", 6),
    ("What does this Python code print?\n\nx = [4, 8, 15]\nprint(x[1])", "number", 8),
    ("What does this Python code print?\n\nprint('ab' * 3)", "contains", "ababab"),
    ("What does this Python code print?\n\ntotal = 0\nfor i in range(4):\n    total += i\nprint(total)", "number", 6),
    ("What does this Python code print?\n\nprint(17 % 5)", "number", 2),
    ("What does this Python code print?\n\nprint('Hello'.lower())", "contains", "hello"),
    ("What does this Python code print?\n\nprint(max(3, 9, 5))", "number", 9),
    ("What does this Python code print?\n\na = 5\na = a + 2\nprint(a)", "number", 7),
    ("What does this Python code print?\n\nprint(2 ** 5)", "number", 32),
    ("What does this Python code print?\n\nprint(sorted([3, 1, 2])[0])", "number", 1),
    ("What does this Python code print?\n\nprint(10 // 3)", "number", 3),
    ("Which SQL keyword removes rows from a table?", "contains", "DELETE"),
    ("Which SQL keyword sorts the rows of a result?", "contains", ["ORDER BY", "ORDER"]),
    ("Which Python keyword begins a function definition?", "contains", "def"),
    ("Which symbol begins a comment in Python?", "contains", ["#", "hash", "hashtag", "pound"]),
    ("In SQL, which function counts rows?", "contains", "COUNT"),
    ("Which Python type holds True or False?", "contains", ["bool", "boolean"]),
    ("What does this SQL query give if the table 'cups' has 12 rows?\n\nSELECT COUNT(*) FROM cups;", "number", 12),
    ("What is the value of x after this JavaScript code?\n\nlet x = 4;\nx += 6;", "number", 10),
]

LANGUAGES = [
    ("Was ist die Hauptstadt von Österreich?", "Wien"),
    ("Wie viele Tage hat eine Woche? Antworte auf Deutsch.", ["sieben", "7"]),
    ("Quelle est la capitale de l'Italie ?", "Rome"),
    ("Traduis en français : Good night.", ["bonne nuit", "bonsoir"]),
    ("¿Cuál es la capital de Portugal?", "Lisboa"),
    ("Traduce al inglés: perro", "dog"),
    ("Translate to Spanish: red", ["rojo", "roja"]),
    ("Translate to German: water", "Wasser"),
    ("Translate to Italian: thank you", "grazie"),
    ("Qual é a capital do Brasil?", "Brasília"),
    ("Jaka jest stolica Polski?", ["Warszawa", "Warszawą"]),
    ("Türkiye'nin başkenti neresidir?", "Ankara"),
    ("Translate to French: house", "maison"),
    ("水的化学式是什么？", ["H2O", "H₂O"]),
    ("中国的首都是哪里？", "北京"),
    ("日本で一番高い山は何ですか。", ["富士山", "富士"]),
    ("대한민국의 수도는 어디입니까?", "서울"),
    ("ما هي عاصمة مصر؟", "القاهرة"),
    ("भारत की राजधानी क्या है?", ["दिल्ली"]),
    ("Quanti giorni ha una settimana? Rispondi in italiano.", ["sette", "7"]),
]

NAMES = ["Ilva", "Bruno", "Neda", "Oskar", "Tamsin", "Pavel", "Greta", "Yusuf", "Linnea", "Marco"]
THINGS = ["apples", "tickets", "bricks", "candles", "notebooks", "eggs", "tiles", "stamps"]


def arithmetic(rng):
    """Forty sums and word problems of one or two steps."""
    items = []
    for _ in range(5):
        a, b = rng.randint(12, 89), rng.randint(12, 89)
        items.append((f"What is {a} + {b}?", a + b))
        a, b = rng.randint(50, 99), rng.randint(11, 49)
        items.append((f"What is {a} - {b}?", a - b))
        a, b = rng.randint(3, 12), rng.randint(3, 12)
        items.append((f"What is {a} times {b}?", a * b))
        b, q = rng.randint(3, 9), rng.randint(4, 12)
        items.append((f"Divide {b * q} by {b}.", q))
        name, thing = rng.choice(NAMES), rng.choice(THINGS)
        a, b = rng.randint(20, 60), rng.randint(3, 18)
        items.append((f"{name} has {a} {thing} and gives {b} of them away. How many {thing} are left?", a - b))
        name, thing = rng.choice(NAMES), rng.choice(THINGS)
        a, b = rng.randint(3, 9), rng.randint(4, 12)
        items.append((f"A box holds {b} {thing}. {name} buys {a} boxes. How many {thing} is that?", a * b))
        a, b, c = rng.randint(2, 6), rng.randint(3, 9), rng.randint(5, 20)
        items.append((f"A ticket costs {b} euros. {rng.choice(NAMES)} buys {a} tickets and pays {c} euros for a meal. "
                      f"How many euros is that together?", a * b + c))
    for a, b in zip([10, 20, 25, 50, 75], rng.sample([40, 60, 80, 120, 200], 5)):
        items.append((f"What is {a} % of {b}?", a * b // 100))
    return items


def extraction_records(rng):
    """Twenty questions on drawn records: who, what, when."""
    items = []
    days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    tasks = ["paint the fence", "oil the gate", "count the stock", "sweep the yard", "check the lamps", "wash the van",
             "sort the mail", "fill the shelves"]
    rooms = ["the tower room", "the small hall", "the red room", "the attic", "the east wing"]
    for number in range(20):
        names, when, what = rng.sample(NAMES, 4), rng.sample(days, 4), rng.sample(tasks, 4)
        lines = [f"On {day}, {name} will {task}." for name, day, task in zip(names, when, what)]
        room, guest = rng.choice(rooms), rng.choice(NAMES)
        text = (f"Plan of the week for the house at Quarry Hill. {' '.join(lines)} The keys hang in the kitchen as usual. "
                f"{guest} has lent the ladder to the neighbors, so it stands in {room} only from the weekend on. Whoever "
                f"cannot come finds somebody to exchange with and tells the office.")
        index = rng.randrange(4)
        question, answer = [
            (f"Who will {what[index]}?", names[index]),
            (f"On which day will {names[index]} work?", when[index]),
            (f"What will {names[index]} do? Answer in a few words.", [what[index], what[index].split()[-1]]),
        ][number % 3]
        items.append((text, question, answer))
    return items


def transform_lists(rng):
    """Twelve tasks on drawn lists."""
    words = ["lamp", "river", "apple", "stone", "music", "garden", "table", "horse", "winter", "copper", "engine", "number"]
    items = []
    for word in rng.sample(words, 4):
        chosen = rng.sample(words, 4)
        items.append((f"Sort these words by the alphabet: {', '.join(chosen)}", "regex",
                      "(?is)" + r"[\W\d]+".join(sorted(chosen))))
        numbers = rng.sample(range(10, 99), 4)
        items.append((f"Which of these numbers is the largest: {', '.join(map(str, numbers))}?", "number", max(numbers)))
        items.append((f"How many letters does the word '{word}' have?", "contains", [str(len(word)), ["four", "five", "six"][len(word) - 4]]))
    return items


def schema(wanted):
    """Accepts the right values alone; other fields are allowed, since nobody forbade them."""
    def one(value):
        if isinstance(value, str):
            return {"enum": sorted({value, value.lower(), value.capitalize()})}
        return {"const": value}
    return {"type": "object", "properties": {key: one(value) for key, value in wanted.items()}, "required": list(wanted)}


def items(rng):
    made = {}
    made["fact"] = [dict(prompt=q, grader="contains", answer=a) for q, a in FACTS]
    made["arithmetic"] = [dict(prompt=q, grader="number", answer=a) for q, a in arithmetic(rng)]
    made["extraction"] = [dict(prompt=f"{text}\n\n{question}", grader="contains", answer=answer)
                          for text, question, answer in EXTRACTIONS + extraction_records(rng)]
    made["label"] = [dict(prompt=f"{QUESTIONS[id(choices)]}\n\n{text}", choices=choices, answer=choices[right])
                     for text, choices, right in LABELS]
    made["json"] = [dict(prompt=f"Give this as a JSON object with the fields {', '.join(wanted)}; numbers without units, "
                                f"yes and no as true and false:\n\n{text}", grader="json_schema", answer=schema(wanted))
                    for text, wanted in OBJECTS]
    made["transform"] = [dict(prompt=q, grader=g, answer=a) for q, g, a in TRANSFORMS + transform_lists(rng)]
    made["explain"] = [dict(prompt=EXPLAIN_FORMS[n % len(EXPLAIN_FORMS)].format(topic), grader="contains", answer=words)
                       for n, (topic, words) in enumerate(EXPLANATIONS)]
    made["write"] = [dict(prompt=q, grader="contains", answer=a) for q, a in WRITINGS]
    made["code"] = [dict(prompt=q, grader=g, answer=a) for q, g, a in CODES]
    made["language"] = [dict(prompt=q, grader="contains", answer=a) for q, a in LANGUAGES]

    lines = []
    for kind, (count, max_tokens) in KINDS.items():
        assert len(made[kind]) == count, (kind, len(made[kind]))
        for number, item in enumerate(made[kind], 1):
            line = {"id": f"{kind}-{number:03}"}
            if rng.random() < 0.5:
                line["system"] = rng.choice(SYSTEMS)
            lines.append({**line, **item, "max_tokens": max_tokens, "tags": [kind]})
    rng.shuffle(lines)
    assert len({line["prompt"] for line in lines}) == len(lines), "a prompt stands twice"
    for line in lines:
        if line.get("grader") == "regex":
            re.compile(line["answer"])
    return lines


def main():
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in items(random.Random(SEED)))
    if "--check" in sys.argv:
        sys.exit(0 if FILE.read_text() == text else "quickstart.jsonl is not what generate.py writes")
    FILE.write_text(text)
    print(text.count("\n"), "items")


main()
