import { expect, test } from "vitest";
import { Screen } from "./screen.ts";

function outputOf(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, write: (text: string) => written.push(text), text: () => written.join("") };
}

function screenOf({ isTTY = true, styled = true } = {}) {
  const output = outputOf(isTTY);
  return { output, screen: new Screen({ answers: output, notes: output, styled }) };
}

test("notes are dim, and stand on lines of their own", () => {
  const { output, screen } = screenOf();
  screen.text("an answer");
  screen.note("about it");
  screen.text("with its own end\n");
  screen.note("again");
  expect(output.text()).toBe(
    "an answer\n\u001b[2mabout it\u001b[22m\nwith its own end\n\u001b[2magain\u001b[22m\n",
  );
});

test.each([
  ["NO_COLOR", { styled: false }],
  ["no terminal", { isTTY: false }],
])("with %s nothing is dim", (_, options) => {
  const { output, screen } = screenOf(options);
  screen.note("plain");
  expect(output.text()).toBe("plain\n");
});

test("a status is taken back by what comes next, and never shown where it could not be", () => {
  const { output, screen } = screenOf({ styled: false });
  screen.status("waiting");
  screen.text("text");
  screen.status("not in mid-line");
  expect(output.text()).toBe("\r\rwaiting\r       \rtext");

  const file = screenOf({ isTTY: false });
  file.screen.status("waiting");
  expect(file.output.text()).toBe("");
});

test("a model cannot steer the terminal: its control characters are left out, but tab and line feed", () => {
  const { output, screen } = screenOf();
  screen.text("a\u001b]0;title\u0007\u009b31m\rb\tc\n");
  expect(output.text()).toBe("a]0;title31mb\tc\n");
  const file = screenOf({ isTTY: false });
  file.screen.text("\u001b[1mas it is");
  expect(file.output.text()).toBe("\u001b[1mas it is");
});
