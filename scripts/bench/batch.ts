/** Declares one batch with the configured number of invitations. */
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";
import { buildInputs } from "./inputs";

const config = new pulumi.Config();
const team = config.require("team");
const { fixedData, ...shared } = buildInputs(0, team);
const entries = Array.from({ length: config.requireNumber("invitations") }, (_, index) => [
  `person-${index}@example.com`,
  {
    fixedData: { email: `person-${index}@example.com`, ...(index === 0 ? { role: config.require("firstRole") } : {}) },
  },
]);

new authentik.InvitationBatch("bench", {
  ...shared,
  name: "bench",
  fixedData: { attributes: fixedData.attributes },
  invitations: Object.fromEntries(entries),
});
