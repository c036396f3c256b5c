import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type PluginRun, runExplicitProviders } from "./explicit-providers";
import { failureGroups, failures } from "./failures";
import { generateFailuresPage, pagePath } from "./page";
import { type MatrixRun, packageRoot, runMatrixProcess } from "./run";

jest.setTimeout(240_000);

let runs: readonly MatrixRun[];
let dynamic: MatrixRun;
let plugin: MatrixRun;
let pulumi: PluginRun;

/** Connections that cannot be established, and responses that are not authentik's. Timeouts would take minutes. */
const failuresOfPulumi = failures.filter(
  (failure) =>
    failure.scopes.includes("every") &&
    !failure.hasShortTimeouts &&
    (failure.address !== undefined || failureGroups["Unexpected responses"]?.includes(failure)),
);

beforeAll(async () => {
  // At once, because they wait for timeouts most of the time.
  [dynamic, plugin, pulumi] = await Promise.all([
    runMatrixProcess("dynamic"),
    runMatrixProcess("plugin"),
    runExplicitProviders(failuresOfPulumi),
  ]);
  runs = [dynamic, plugin];
});

test("no failure loses, duplicates or reissues an object, repeats a POST, or prints a secret", () => {
  for (const { rows } of runs) expect(rows.filter(({ violations }) => violations.length > 0)).toEqual([]);
});

test("prints nothing outside of warnings", () => {
  for (const { stderr } of runs) expect(stderr).toBe("");
});

test("adopts what a create request created after every single failure", () => {
  const carriedOut = dynamic.rows.filter(
    ({ failure, scope, operation }) => scope === "first" && operation === "create" && failure.endsWith(", carried out"),
  );
  expect(carriedOut.length).toBeGreaterThan(10);
  expect(carriedOut.filter(({ outcome }) => outcome !== "adopts")).toEqual([]);
});

test("the plugin does the same as the dynamic resources, with the same messages", () => {
  expect(plugin.rows).toEqual(dynamic.rows);
});

test("pulumi prints the plugin's errors as they are, each with the property of its explicit provider", () => {
  const created = dynamic.rows.filter(
    ({ scope, kind, operation }) => scope === "every" && kind === "invitation" && operation === "create",
  );
  const messages = failuresOfPulumi.map(({ title }) => [
    title,
    created.find(({ failure }) => failure === title)?.message,
  ]);
  expect(pulumi.messages).toEqual(Object.fromEntries(messages));
  expect(pulumi.code).not.toBe(0);
  expect(pulumi.output).not.toMatch(/\n\s+at |panic/);
});

test("docs/failures.md is current (run `npm run docs` and commit the result)", () => {
  expect(readFileSync(join(packageRoot, pagePath), "utf8")).toBe(generateFailuresPage(dynamic.rows));
});
