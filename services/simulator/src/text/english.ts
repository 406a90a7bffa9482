import { fill, pick, type Random } from "./random.ts";

// Numbers stand as words of their own on purpose. A piece such as " 30" is also valid JSON, and clients that try
// JSON.parse on every frame must survive it.
const WORDS = {
  thing: ["connection", "queue", "answer", "garden", "river", "library", "engine", "market"],
  people: ["engineers", "teachers", "travellers", "readers", "neighbours", "beginners"],
  quality: ["simple", "careful", "quiet", "reliable", "gradual", "surprisingly small"],
  act: ["measure", "explain", "repair", "compare", "prepare", "observe"],
  time: ["in the morning", "after a while", "every week", "at first", "over a long winter"],
  number: ["3", "12", "30", "48", "100", "2024"],
} as const;

const SENTENCES = [
  "A {quality} {thing} is usually easier to {act} than a large one.",
  "Most {people} {act} the {thing} {time}, and only then decide what to change.",
  "There are about {number} ways to {act} a {thing}, but few of them last.",
  "If the {thing} seems slow, {act} it before you replace it.",
  "The best {people} know when a {thing} is {quality} enough.",
  "It helps to {act} one {thing} at a time; the others can wait.",
  "In practice, {number} percent of the work is to {act} what is already there.",
  'Someone once asked, "Why not {act} the whole {thing}?" and nobody had a good reply.',
  "For example, a {thing} built {time} tends to be {quality}.",
];

export function englishSentence(random: Random): string {
  return fill(pick(SENTENCES, random), WORDS, random);
}
