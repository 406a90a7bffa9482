/** Text and thinking in every form that a field may have. */
import type { Plan } from "./plan.ts";

const FORMS = {
  text: (text: string) => text,
  parts: (text: string) => [
    { type: "text", text: text.slice(0, 1) },
    { type: "text", text: text.slice(1) },
  ],
  output_text: (text: string) => [{ type: "output_text", text, annotations: [] }],
  part: (text: string) => ({ type: "text", text }),
  texts: (text: string) => [text],
  untyped: (text: string) => [{ text }],
  wrapped: (text: string) => [{ type: "text", text: { value: text } }],
} as const;

const MIXED = [FORMS.text, FORMS.parts, FORMS.part, FORMS.texts];

/** A piece of text as the value of `content`. @param at its number: some change the form between pieces */
export function contentOf({ content, form }: Plan, text: string, at: number): unknown {
  if (form === "texts") return text;
  if (content !== "mixed") return FORMS[content](text);
  return (MIXED[at % MIXED.length] ?? FORMS.text)(text);
}

/** Thinking between tags, and the text behind it. */
export function taggedContent({ said, cuts }: Plan, text: string = said.text): string {
  const lines = "\n".repeat((cuts.text[0] ?? 0) % 3);
  return `<think>${said.thought}</think>${lines}${text}`;
}

/** A piece of thinking in a field, in two, or in parts. */
export function thoughtDelta(
  { thinking }: Plan,
  thought: string,
): Readonly<Record<string, unknown>> {
  switch (thinking) {
    case "reasoning_content":
    case "reasoning":
    case "thinking":
      return { [thinking]: thought };
    case "parts":
      return { content: [{ type: "thinking", thinking: thought }] };
    case "nested":
      return { content: [{ type: "thinking", thinking: [{ type: "text", text: thought }] }] };
    case "details":
      return { reasoning_details: [{ type: "reasoning.text", text: thought }] };
    case "blocks":
      return {
        thinking_blocks: [{ type: "thinking", thinking: thought }],
        reasoning_content: thought,
      };
    case "fields":
      return { reasoning_content: thought, reasoning: thought };
    default:
      return { reasoning_content: thought };
  }
}
