"""What people like in the LIMIT construction, and their names: lists of this project's own, words between blanks.

Every attribute is one word, and no two share a stem, so that a lexical method can tell them apart.
"""

ATTRIBUTES = """
aardvarks abacuses acacias accordions accountants acoustics acrobatics actors admirals adverbs aerobics aerodynamics
agronomy airports albatrosses alchemy alders algebra allegories alleys alligators almanacs almonds alpacas alphabets
amaryllis ambassadors anagrams anatomy anchovies anemones angling anteaters antelopes anthems anthropology anvils
aphorisms apples apprentices apricots aprons aquariums aqueducts arboriculture arcades archaeology archery
archipelagos architects architecture arenas arias arithmetic armadillos armchairs arrows artichokes arugula
asparagus aspens asters astrology astronautics astronomy athletics atlases atolls aubergines auctioneers
autobiographies autographs autoharps avalanches avenues avocados awnings axolotls azaleas baboons bacteriology
badgers badges badminton bagels bagpipes baguettes bakeries bakers baklava balconies ballads ballet balloons
ballpoints bamboo bananas bandanas bangles banjos bankers banners banyans baobabs barbers baristas barley barns
barometers barracudas barrels bartenders baseball basements basil basketball baskets bassoons bathtubs bats bays
bazaars beaches beads beanbags beavers bedspreads beeches beetles beetroot begonias bellows bells belts benches
berets biathlons bicycles billiards binoculars biochemistry biographies biology birches birdbaths biscotti biscuits
bistros blackberries blacksmiths blankets blazers blenders bluebells blueberries bluegrass boars bobbins bobcats
bobsleighs bodyguards bogs bonfires bongos bonnets bookends bookmarks bookshops boomerangs boots borscht botany
bottles boulevards bouquets bowling boxing boxwood bracelets bracken brambles breakdancing bricklayers bricks
bridges briefcases brioche broccoli brooches brownies bruschetta buckets buckles buckwheat buffaloes bugles
bumblebees bungalows bunting buoys burgers butchers butlers butter buttercups butterflies buttermilk buttons
buzzards cabbages cabinets cabins cacti cafes cakes calculators calculus calendars calligraphy camellias camels
cameras campsites canals canaries candelabra candles cannelloni canoeing canopies cantatas canyons capes capoeira
caramel caravans caraway cardamom cardigans caribou carnations carnivals carols carousels carpentry carpets carrots
cartography cartons cartoons cashews cashiers casseroles castanets castles catapults caterers caterpillars catfish
cathedrals catnip cauldrons cauliflower caverns caviar caving cedars celery cellars cellists cellos ceramics chains
chairs chalets chameleons chandeliers chard chariots charms chauffeurs cheddar cheerleading cheesecake cheetahs
chefs chemistry cherries chervil chess chestnuts chickadees chickpeas chicory chillies chimneys chimpanzees
chinchillas chipmunks chisels chives chocolate chopsticks chorales choreography chowder chrysanthemums churros
chutney cicadas cider cimbaloms cinemas cinematography cinnamon circuses citadels clams clarinets clavichords
cleaners clementines cliffs climatology climbing clipboards cloaks clocks clockwork clogs cloisters cloudbursts
clouds clovers clowns coachmen coasters coastlines cobbler cobras cockatoos cocoa coconuts coffee coins colanders
coleslaw combinatorics combs comedians comedies comets comics compasses concertos condors conductors cones
confectioners cordial coriander corkscrews cormorants cornets cornflowers corsets cosmology cottages couches cougars
couplets courgettes couriers couscous coves cowboys cowslips coyotes crabs crackers cradles cranberries cranes
craters crayfish crayons cream creeks crepes cricketers criminology crochet crocodiles crocuses croissants croquet
croquettes crosswords croutons crowbars crowns crows crumpets cryptography crypts crystallography crystals cuckoos
cucumbers cufflinks cumin cupboards curators curling currants curries curtains cushions custard cycling cymbals
cypresses daffodils dahlias daisies dams damsons dancers dandelions darts dawns decanters decathlons deer
delphiniums deltas demography dentistry dentists dermatology deserts desks detectives dewdrops dialects diaries
dictionaries didgeridoos dill dinghies dingoes dioramas diplomats disco divers diving docks doctors dodgeball
dogwood dolls dolphins dominoes donkeys doorbells doorknobs dormice doughnuts doves dragonflies dramas drawers
dressage dresses driftwood drills drummers drums ducks duets dulcimers dumplings dunes eagles earmuffs earrings
earthquakes earthworms easels ebony echidnas eclairs eclipses ecology economics edelweiss eels egrets elderflower
electricians electronics elephants elevators elk elms embroidery embryology emus enamel enchiladas encyclopedias
endives engineering entomology envelopes epaulettes epics epidemiology epigrams epigraphy equestrianism equinoxes
erasers escalators espresso essays ethics ethnography etudes etymology eucalyptus explorers fables factories
fairytales falafel falconry falcons fanfares farces farms farriers feathers fencing fennel fenugreek ferns ferrets
ferries fiddles fields figs figurines filigree finches firefighters fireflies fireplaces fireworks firs fishermen
flagpoles flags flamingos flannel flapjacks flasks flippers floods florists flounders flutes focaccia fog folklore
fondue foraging forensics forestry forests forsythia fortresses fossils fountains foxes foxgloves fractals
freediving freesias frescoes fridges frigates frisbee frittatas frogs frost fuchsias fudge fugues funnels galaxies
galleons gamekeepers garages gardeners gardenias garlands garlic gauntlets gazebos gazelles gazpacho gears geckos
geese gelato gemstones genealogy genetics gentians geography geologists geometry geraniums gerbils geysers gherkins
ghosts gibbons ginger gingerbread giraffes girders glaciers glaciology gladioli glassblowers glasses gliders globes
glockenspiels gloves gnocchi goats goblets goggles goldfish goldsmiths golf gondolas gongs gooseberries gophers
gorges gorillas gorse gospel goulash gourds governors grammar gramophones granola grapefruit grasshoppers gravity
gravy greenhouses griddles grocers grouse groves guacamole guavas guidebooks guitars guppies gymnastics haddock
haggis haiku hailstones hairdressers hairpins halibut halloumi hamlets hammers hammocks hamsters handbags handball
handkerchiefs hangars harbours hares harmonicas harmoniums harpists harps harpsichords hatchets hats hawks hawthorn
haystacks hazelnuts headbands headphones hedgehogs hedgerows heirlooms helmets hemlock heraldry herons herpetology
herring hibiscus hiking hills hinges hippos histology historians historiography hockey hollies hollyhocks honey
honeysuckle hoodies hooks hops hopscotch hornets horseradish horses horticulture hospitals hotels hourglasses
houseboats hovercraft hummingbirds hummus hurdles hurling hurricanes hyacinths hydrangeas hydraulics hydrology
hyenas hymns ibises icebergs ichthyology icicles igloos iguanas illusionists immunology impalas improvisation
inkwells inns insignia inventors irises islands isthmuses ivy jackals jackdaws jackets jaguars jam janitors jasmine
javelins jays jazz jeeps jelly jellyfish jesters jetpacks jewellers jigs jigsaws jingles jockeys jogging jokes
journalists judges judo juggling jugs jukeboxes jungles jurisprudence jurors kale kaleidoscopes kangaroos karate
kayaking kazoos kedgeree kelp kestrels ketchup kettles keyboards keyrings keys kickboxing kilns kilts kimchi kimonos
kinetics kingfishers kiosks kitchens kites kitesurfing kiwis knights knitwear koalas kombucha krill kumquats
labyrinths lace lacquer lacrosse ladders ladles ladybirds lagoons lakes lampposts lampreys lamps lampshades
landlords lanterns lapels larches larks larkspur lasagne lasers lassos lattices laurel lavender lawnmowers lawns
lawyers leather leeks legends leggings lemmings lemonade lemongrass lemons lemurs lenses lentils leopards lettuce
levers lexicography librarians libraries librettos lichens lifeboats lifeguards lighthouses lightning lilacs lilies
limericks limes limnology limpets lindens linen lions lipstick liquorice lizards llamas lobsters lockets locksmiths
locomotives lodges lofts logic looms lorries lotuses lullabies lumberjacks lupins lutes lychees lynxes lyres lyrics
macaroni macaroons macaws mackerel madrigals magicians magnetism magnolias magpies mahogany mailboxes mallards malt
manatees mandarins mandolins mandrills mangoes mangroves mannequins mansions mantelpieces mantises maples maps
maracas marathons marbles marches marimbas marjoram marlins marmalade marmots marshes marshmallows martens marzipan
masks mathematics mattresses mausoleums mayonnaise mayors mazes mazurkas meatballs mechanics medals meerkats
megaphones melodramas melons memoirs menus merchants meringues metallurgy metaphors metaphysics meteorology meteors
metronomes mice microbiology microphones microscopes midwives milkshakes millet mills mimosas mineralogy miners
ministers mink minnows mint minuets mirages mirrors mistletoe mittens mnemonics moats moccasins molasses monasteries
mongooses monks monocles monologues monuments moonlight moorlands moose mopeds mosaics mosques mosquitoes mosses
motels moths motorcycles mouldings mountaineering mousse mozzarella muesli muffins mugs mulberries mules murals
museums mushrooms musicals musicology musketeers muskrats muslin mussels mustard mycology myrtle mysteries mythology
nachos nannies napkins narcissi narrators nasturtiums navigation nebulas necklaces nectarines netball nets nettles
neurology newspapers newts nightgowns nightingales nocturnes notebooks nougat novelists novels numismatics nurseries
nurses nutcrackers nutmeg nutrition oaks oases oats obelisks oboes observatories ocarinas oceanography oceans
ocelots octopuses odes odometers oilcans oilskins okapis okra oleanders olives omelettes onions operas opossums
opticians optics oranges orangutans oratorios orbits orcas orchards orchestras orchids oregano organs orienteering
origami ornaments ornithology ospreys ostriches overalls overtures owls oxen oystercatchers paddleboarding paddocks
padlocks paella paintball paintbrushes painters pakoras palaces palaeontology palettes palindromes palms pamphlets
pancakes pandas pangolins panniers panpipes pansies panthers pantomimes papayas paperclips paperweights paprika
parables parachuting paragliding parakeets paramedics parasols parchment parfaits parkour parks parmesan parquet
parrots parsley parsnips partridges pastrami pastures patchwork pathology pavilions pavlova peaches peacocks peanuts
pears peas pecans pedagogy pedals pedometers pelicans pencils pendants pendulums penguins peninsulas pennants penne
pentathlons peonies peppercorns pergolas periscopes persimmons pesto petunias pewter pharmacology pheasants
philately philosophers philosophy phonetics photographs photosynthesis physiology pianists pianos piccolos pickles
pierogi piers pigeons piglets pilates pillars pillows pilots pincushions pineapples pines pinwheels pipettes
piranhas pirates pistachios pistons pitchforks pizza plaid planetariums planets planners plaques plateaus
playgrounds playpens plays playwrights plazas pliers ploughs plovers plumbers plums podiums poems poetics poets
polkas polyphony pomegranates ponds ponies popcorn poplars poppies porcelain porcupines porpoises porridge postcards
posters potatoes potters pottery prairies pralines prawns preludes pretzels primroses printers prisms professors
profiteroles programmers projectors propellers prosciutto protractors proverbs psychiatrists psychology pubs
puddings puddles puffins pulleys pulsars pumas pumpkins pumps puppeteers purses puzzles pyjamas pyramids
pyrotechnics pythons quails quarries quartets quasars quesadillas quiche quicksand quills quilters quilts quinces
quivers quizzes quoits quokkas quotations rabbits raccoons racquetball radiators radiology radios radishes rafters
rafting ragtime railways rainbows rainforests raisins rakes ramen ramparts ranches rangers rapids rappelling
raspberries ratatouille rattles ravens ravines ravioli razors recorders reeds reefs referees regattas reggae
reindeer relays relish reporters requiems reservoirs restaurants rhapsodies rhetoric rhinos rhododendrons ribbons
rickshaws riddles ridges rings risotto rivers robins robotics rockets rodeos rollercoasters romances rooftops
roosters ropes rosemary roses rosettes rounders rowans rowboats rowing rucksacks rugby rugs ruins rulers rumba
running saddles saffron sagas sage sailing sailors salads salamanders salami salmon saloons salsa samosas samurai
sandals sandcastles sandpaper sandpipers sandstorms sapphires sardines sarongs sassafras satchels satellites satin
satires saucepans saucers sauerkraut sausages savannahs saws saxophones scaffolds scales scallops scarecrows scarves
scherzos schools scientists scissors scones scooters scorpions screenplays screwdrivers scrolls sculling sculptures
seahorses seals seaweed seismology semantics semaphore semiotics senators sequins sequoias serenades sermons sesame
sextants shallots shanties sharks shawls sheepdogs shelves sheriffs shields shipwrecks shipyards shoelaces
shoemakers shortbread shovels shrews shrimps shrines shuffleboard shutters sieves signposts silk silverware singers
sitars skateboarding skating skeletons skiing skipping skirts skunks skydiving skylarks skyscrapers slalom
sledgehammers slides slingshots slippers sloths slugs smoothies snails snapdragons snooker snorkelling snowdrops
snowflakes snowmen snowshoes soap soccer sociology socks sofas softball soliloquies solstices sonatas sonnets
sopranos sorbet sorghum sorrel souffles soups sourdough soybeans spades spaghetti sparrows spas spatulas spectacles
speeches spelunking spiders spies spinach spinets sponges spools spoons spotlights springs sprinting spruces spurs
squares squash squids squirrels stables stadiums stalagmites stamps staplers stardust starfish starlings stars
statistics statues steamboats steeplechases stencils steppes stethoscopes stews stilts stingrays stirrups stoats
stonemasons stools stopwatches storks storms storyboards storytelling stoves straits strawberries straws streams
streetcars streetlamps strudel stuntmen sturgeons stylistics submarines suitcases summits sumo sunbeams sundials
sunflowers sunrises sunsets supernovas surfing surgeons surgery surveyors sushi suspenders swallows swamps swans
sweaters swede swimming swimsuits swings sycamores symphonies synagogues syntax synthesizers syrup tabbouleh tables
tacos tadpoles taekwondo tagines tahini tailors tamarind tamarins tambourines tambours tandems tangos tankards tapas
tapestries tapioca tapirs tarantulas tarpaulins tarragon tartan tassels tattoos taverns taxonomy teachers teacups
teak teapots teddies telegrams telephones telescopes televisions tempeh temples tempura tennis tenors tents termites
terraces terracotta terrapins thatchers theatres theology theremins thermodynamics thermometers thermoses thimbles
thistles thrillers thrones thrushes thunder thyme tigers tiles timetables timpani tinkers tinsel tiramisu toads
toast toasters tobogganing toffee tomatoes tombs tongs toolboxes toothbrushes topology torches tornadoes tortillas
tortoises totems toucans towels towers toys tragedies trains trampolining trams translations trapdoors treadmills
trellises triangles triathlons tricycles trifle trigonometry trilogies tripods trivia trolleys trombones trophies
trousers trout trowels truckers truffles trumpets trunks tubas tugboats tulips tundra tunics tunnels turbans
turbines turkeys turmeric turnips turnstiles turtles tutors tuxedos tweed tweezers twine typewriters typography
tzatziki umbrellas umpires unicycling uniforms urchins urns ushers valleys vampires vanilla vases vaulting veils
velvet verandas viaducts vicars vikings villages vinegar vineyards violas violets violinists violins vipers virology
visors volcanoes volcanology volleyball vultures waffles waistcoats waiters wakeboarding wallabies wallets wallpaper
walnuts walruses waltzes warblers wardrobes wasabi wasps watercress waterwheels weasels weathervanes weavers weaving
weightlifting welders werewolves westerns whales wheelbarrows whisks whistles wicker wigs wigwams wildebeest willows
windmills windows windsurfing winemakers wisteria wizards wolverines wolves wombats woodcuts woodpeckers wool
wormwood wrenches wrens wrestling wristwatches writers xylophones yachting yaks yarrow yews yodellers yoga yoghurt
yuccas yurts zebras zeppelins zinnias zips zithers zombies zookeepers zoology
"""

FIRST_STARTS = "Al Bel Cor Dar El Fen Gal Hel Il Jor Kel Lor Mar Nor Ol Per"
FIRST_ENDS = "a anda eth ia iel ina is o on ora ric sa tan ulf vin wyn"
LAST_STARTS = "Amber Birch Cold Dun East Fern Grey Hart Iron Kirk Lang March North Oak Pem Quill"
LAST_ENDS = "bourne by combe croft dale field ford gate hurst ley man more stead ton well worth"
