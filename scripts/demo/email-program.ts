/**
 * The demo's second program: an invitation whose link authentik emails. The quick start does not do that, because it also
 * runs on versions that cannot.
 */
import * as authentik from "pulumi-authentik-invitations";

new authentik.Invitation("alex", {
  flow: "quick-start",
  validFor: "14d",
  singleUse: true,
  fixedData: { attributes: { team: "frontend" } },
  email: { to: ["alex@example.com"] },
});
