import { readFileSync } from "node:fs";
import { join } from "node:path";
import { generateFailuresPage, pagePath } from "./page";
import { type MatrixRun, packageRoot, runMatrixProcess } from "./run";

jest.setTimeout(240_000);

let run: MatrixRun;

beforeAll(async () => {
  run = await runMatrixProcess();
});

test("no failure loses, duplicates or reissues an object, repeats a POST, or prints a secret", () => {
  expect(run.rows.filter(({ violations }) => violations.length > 0)).toEqual([]);
});

test("prints nothing outside of warnings", () => {
  expect(run.stderr).toBe("");
});

test("adopts what a create request created after every single failure", () => {
  const carriedOut = run.rows.filter(
    ({ failure, scope, operation }) => scope === "first" && operation === "create" && failure.endsWith(", carried out"),
  );
  expect(carriedOut.length).toBeGreaterThan(10);
  expect(carriedOut.filter(({ outcome }) => outcome !== "adopts")).toEqual([]);
});

test("docs/failures.md is current (run `npm run docs` and commit the result)", () => {
  expect(readFileSync(join(packageRoot, pagePath), "utf8")).toBe(generateFailuresPage(run.rows));
});
