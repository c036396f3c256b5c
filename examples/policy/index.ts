import { PolicyPack } from "@pulumi/policy";
import { createPolicies } from "./policies";

new PolicyPack("authentik-invitations", {
  enforcementLevel: "mandatory",
  policies: createPolicies({ maxDays: 30, flows: ["staff-enrollment"] }),
});
