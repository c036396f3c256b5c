import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { drawDriftPreview, driftPreviewPath } from "../../scripts/docs/drift-preview";
import { drawWindow } from "../../scripts/docs/svg";
import { plainText, renderLines, wrapLine } from "../../scripts/docs/terminal";

const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));

const yellow = "\u001b[38;5;3m";
const green = "\u001b[38;5;2m";
const reset = "\u001b[0m";

const message = (name: string, change: string, time: string): string =>
  `Invitation "${name}": ${change} on ${time}\n\n`;

const resource = (operation: string, name: string, id: string, ...lines: string[]): string =>
  [
    `    ${yellow}~ pulumi-nodejs:dynamic/authentik:Invitation: (${operation})`,
    `${reset}        [id=${id}]`,
    `        [urn=urn:pulumi:demo::project::pulumi-nodejs:dynamic/authentik:Invitation::${name}]`,
    `${yellow}        --outputs:--${reset}`,
    ...lines,
    "",
  ].join("\n");

/** What the demo prints, with the refreshed resources in this order. */
function demoOutput(order: readonly ("lead" | "team" | "guest")[], time: string, id: string): string {
  const refreshed = {
    lead:
      message("quick-start-lead", "singleUse changed outside Pulumi, last by akadmin", time) +
      resource("refresh", "quick-start-lead", id, `      ~ singleUse: true => ${green}false${reset}`),
    team:
      message("quick-start-team", "expires changed outside Pulumi, last by akadmin", time) +
      resource(
        "refresh",
        "quick-start-team",
        id,
        '      ~ expires  : "2030-12-31T23:59:59Z" => "2031-12-31T23:59:59Z"',
      ),
    guest:
      message("quick-start-guest", "deleted by akadmin", time) +
      resource("refresh", "quick-start-guest", id, '      - name     : "quick-start-guest"'),
  };
  return [
    "$ pulumi preview --expect-no-changes\nPreviewing update (demo):\nResources:\n    5 unchanged\n",
    "$ pulumi preview --refresh --diff --expect-no-changes\nPreviewing update (demo):\n",
    ...order.map((name) => refreshed[name]),
    "  pulumi:pulumi:Stack: (same)\n",
    resource("update", "quick-start-lead", id, "      ~ singleUse: false => true"),
    resource("create", "quick-start-guest", id, '      name     : "quick-start-guest"'),
    "Resources:\n    3 changes. 2 unchanged\n",
    "error: no changes were expected for preview but changes were proposed\n* Exit code 7\n",
  ].join("");
}

test("draws the same picture for every order, time and id of the output", async () => {
  const picture = await drawDriftPreview(
    demoOutput(["lead", "team", "guest"], "2026-11-24T14:46:17Z", "6b2d2e87b3b71304"),
  );
  expect(picture).toBe(
    await drawDriftPreview(demoOutput(["guest", "team", "lead"], "2027-01-02T03:04:05Z", "4c89fb76b06850b5")),
  );
  expect(picture).toContain("2031-12-31T23:59:59Z");
  expect(picture).toContain('<tspan fill="#3fb950">false</tspan>');
  expect(picture).not.toContain("5 unchanged");
});

test("draws another picture when a message changes", async () => {
  const output = demoOutput(["lead", "team", "guest"], "2026-11-24T14:46:17Z", "6b2d2e87b3b71304");
  const changed = output.replace("deleted by akadmin", "deleted by jane");
  expect(await drawDriftPreview(changed)).not.toBe(await drawDriftPreview(output));
});

test("draws the same picture if the error arrives before the summary", async () => {
  const output = demoOutput(["lead", "team", "guest"], "2026-11-24T14:46:17Z", "6b2d2e87b3b71304");
  const error = /^error: .*\n/m.exec(output)?.[0] ?? "";
  const reordered = output.replace(error, "").replace("Resources:\n    3", `Resources:\n${error}    3`);
  expect(reordered).not.toBe(output);
  expect(await drawDriftPreview(reordered)).toBe(await drawDriftPreview(output));
});

test("rejects output without a drift preview", async () => {
  await expect(drawDriftPreview("$ pulumi up\n")).rejects.toThrow("The demo's output has no drift preview.");
  const withoutGuest = demoOutput(["lead", "team"], "2026-11-24T14:46:17Z", "6b2d2e87b3b71304");
  await expect(drawDriftPreview(withoutGuest)).rejects.toThrow("The drift preview has no line /^Invitation");
});

test("escapes XML", async () => {
  const lines = await renderLines("1 < 2 && 3 > 2\n");
  const picture = drawWindow(lines, { title: "<t>", description: "a & b", columns: 20 });
  expect(picture).toContain(">&lt;t&gt;</title>");
  expect(picture).toContain(">a &amp; b</desc>");
  expect(picture).toContain(">1 &lt; 2 &amp;&amp; 3 &gt; 2</text>");
});

test("wraps lines at spaces, or within words that are longer than a line", async () => {
  const [line = []] = await renderLines(`one ${green}two three${reset} abcdefghijkl`);
  expect(wrapLine(line, 8).map(plainText)).toEqual(["one two", "three", "abcdefgh", "ijkl"]);
  expect(wrapLine(line, 8)[1]).toEqual([{ text: "three", color: 2, isBold: false }]);
});

test("the committed picture is self-contained and fits the width of a README on GitHub", () => {
  const picture = readFileSync(join(root, driftPreviewPath), "utf8");
  const [, width, height] = /^<svg [^>]*width="(\d+)" height="(\d+)"/.exec(picture) ?? [];
  expect(Number(width)).toBeLessThanOrEqual(830);
  expect(Number(height)).toBeLessThanOrEqual(760);
  expect(picture).toMatch(
    /^<svg [^>]*role="img" aria-labelledby="title description">\n<title id="title">.+\n<desc id="description">/,
  );
  expect(picture).not.toMatch(/<(script|foreignObject|style|image|a)\b|href|url\(|@import|\son\w+=/);
});
