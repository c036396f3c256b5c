/** @type {import("jest").Config} */
module.exports = {
  testEnvironment: "node",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  maxWorkers: 2,
  globalSetup: "<rootDir>/test/bundle.mjs",
  setupFiles: ["<rootDir>/test/jest-setup.js"],
  transform: {
    "^.+\\.[mc]?[jt]s$": [
      "@swc/jest",
      { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "commonjs" } },
    ],
  },
  // nock 15 and its dependencies are published only as ES modules, which jest cannot load.
  transformIgnorePatterns: [
    "/node_modules/(?!(nock|@mswjs/interceptors|@open-draft|outvariant|rettime|is-node-process)/)",
  ],
  // Dynamic imports name the compiled file. Maps them to the source.
  moduleNameMapper: { "^(\\.{1,2}/(?:lifecycle|authentik)/.*)\\.js$": "$1" },
  modulePathIgnorePatterns: ["<rootDir>/dist", "<rootDir>/build"],
};
