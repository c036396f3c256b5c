import { readFileSync } from "node:fs";
import { join } from "node:path";
import { faults, operations } from "./faults";
import { generateFaultsPage, pagePath } from "./page";
import { type MatrixRun, packageRoot, runMatrixProcess } from "./run";

jest.setTimeout(240_000);

let run: MatrixRun;

beforeAll(async () => {
  run = await runMatrixProcess();
});

test("covers every fault with every operation that it can affect", () => {
  const expected = faults.reduce((sum, fault) => sum + fault.scopes.length * fault.operations.length, 0);
  expect(run.rows).toHaveLength(expected);
  expect(new Set(run.rows.map(({ operation }) => operation))).toEqual(new Set(operations));
});

test("no fault loses, duplicates or reissues an invitation, repeats a POST, or prints a secret", () => {
  expect(run.rows.filter(({ violations }) => violations.length > 0)).toEqual([]);
});

test("prints nothing outside of warnings", () => {
  expect(run.stderr).toBe("");
});

test("adopts what a create request created after every single fault", () => {
  const carriedOut = run.rows.filter(
    ({ fault, scope, operation }) => scope === "first" && operation === "create" && fault.endsWith(", carried out"),
  );
  expect(carriedOut.length).toBeGreaterThan(10);
  expect(carriedOut.filter(({ outcome }) => outcome !== "adopts")).toEqual([]);
});

test("docs/faults.md is current (run `npm run docs` and commit the result)", () => {
  expect(readFileSync(join(packageRoot, pagePath), "utf8")).toBe(generateFaultsPage(run.rows));
});
