// Groups of seeds among the lines of a chart: offered, chosen to begin with, and told of.

/** The models, and before them the groups of seeds. */
function lineChoices(data) {
  const groups = data.groups.map(({ label }, place) => ({ value: data.models.length + place, label }));
  return [...groups, ...modelChoices(data)];
}

/** The group of seeds that a model is drawn with; itself where there is none. */
function lineOfModel(data, place) {
  const group = data.groups.findIndex(({ seeds }) => seeds.includes(place));
  return group < 0 ? place : data.models.length + group;
}

/** What a reader should know of the groups among some runs; empty where there are none. */
function seedsNote(data, runs) {
  const groups = new Map();
  for (const run of runs.filter((run) => isOfSeeds(data, run))) {
    const { name: called } = data.lines[data.modelOf[run]];
    groups.set(called, [...(groups.get(called) ?? []), runOf(data, run).seeds.length]);
  }
  if (!groups.size) return "";
  const of = [...groups].map(([called, counts]) => {
    const [low, high] = extent(counts);
    return `${called}: ${low === high ? "" : `${count(low)} to `}${plural(high, "seed")}`;
  });
  return (
    `Seeds of a group are drawn together (${of.join(", ")}): the median at equal layer and step, in a band ` +
    "from the least to the greatest, which is no error of measurement. Each seed can be chosen by itself."
  );
}

/** What models and groups of seeds are together called. */
function nounOfLines(data) {
  return data.groups.length ? "line" : "model";
}

/** Check boxes for models and groups of seeds, with a filter where they are many. */
function linePicker(data, chosen, onchange) {
  const items = lineChoices(data);
  return boxPicker({ noun: nounOfLines(data), items, filtered: items.length > 8 }, chosen, onchange);
}

/** Every model once: by itself, or with the other seeds of its group. */
function wholeLines(data) {
  return [...new Set(data.models.map((_, place) => lineOfModel(data, place)))];
}

/** Some lines to begin with, as of models. */
function firstLines(data, most = 6) {
  const whole = wholeLines(data);
  if (whole.length <= most) return new Set(whole);
  const lines = new Set([...firstModels(data, data.models.length)].map((place) => lineOfModel(data, place)));
  return new Set([...lines].slice(0, most));
}
