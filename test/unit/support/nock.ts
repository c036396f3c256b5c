/** nock is an ES module, which jest.config.js has turned into CommonJS for these tests. */
const nock = (require("nock") as typeof import("nock", { with: { "resolution-mode": "import" }})).default;

// What nock puts into Node's own modules would stay there for the test files that this process runs next.
afterAll(() => {
  nock.cleanAll();
  nock.restore();
});

export { nock };
