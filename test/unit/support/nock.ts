/** nock is an ES module; jest.config.js compiles it to CommonJS for these tests. */
const nock = (require("nock") as typeof import("nock", { with: { "resolution-mode": "import" }})).default;

// jest runs several test files in one process, and nock patches Node's own modules.
afterAll(() => {
  nock.cleanAll();
  nock.restore();
});

export { nock };
