/** @type {import("jest").Config} */
module.exports = {
  testEnvironment: "node",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  maxWorkers: 2,
  setupFiles: ["<rootDir>/test/jest-setup.js"],
  transform: {
    "^.+\\.[mc]?[jt]s$": [
      "@swc/jest",
      { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "commonjs" } },
    ],
  },
  // nock 15 and what it stands on are published as ES modules only; jest's loader wants CommonJS.
  transformIgnorePatterns: [
    "/node_modules/(?!(nock|@mswjs/interceptors|@open-draft|outvariant|rettime|is-node-process)/)",
  ],
  // Dynamic imports name the compiled file.
  moduleNameMapper: { "^(\\.{1,2}/(?:lifecycle|authentik)/.*)\\.js$": "$1" },
  modulePathIgnorePatterns: ["<rootDir>/dist", "<rootDir>/build"],
};
