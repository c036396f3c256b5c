import { type ReportViolation, type ResourceValidationPolicy, validateResourceOfType } from "@pulumi/policy";
import * as authentik from "pulumi-authentik-invitations";

export interface Rules {
  /** How many days an invitation may be valid. */
  readonly maxDays: number;
  /** Slugs or UUIDs of the flows that invitations may be for, as programs write them. */
  readonly flows: readonly string[];
}

/** What the rules read of an invitation. Values that are unknown at preview are checked during the update. */
interface Invitation {
  readonly singleUse?: boolean | undefined;
  readonly validFor?: string | undefined;
  readonly expires?: string | undefined;
  readonly flow?: string | undefined;
}

type Check = (invitation: Invitation) => string | undefined;

export function createPolicies({ maxDays, flows }: Rules): ResourceValidationPolicy[] {
  return [
    forEachInvitation("single-use", "An invitation can be used once.", ({ singleUse }) =>
      singleUse === true ? undefined : "set singleUse to true, so that a forwarded link is of no use",
    ),
    forEachInvitation("short-lived", `An invitation is valid for at most ${maxDays} days.`, (invitation) => {
      const days = daysOf(invitation);
      return days === undefined || days <= maxDays ? undefined : `must be valid for at most ${maxDays} days`;
    }),
    forEachInvitation("allowed-flows", `An invitation is for one of the flows ${flows.join(", ")}.`, ({ flow }) =>
      flow !== undefined && flows.includes(flow) ? undefined : `set flow to one of ${flows.join(", ")}`,
    ),
  ];
}

/** A policy for single invitations and for the entries of batches. */
function forEachInvitation(name: string, description: string, check: Check): ResourceValidationPolicy {
  const validate = (invitation: Invitation, prefix: string, report: ReportViolation): void => {
    const problem = check(invitation);
    if (problem !== undefined) report(`${prefix}${problem}.`);
  };
  return {
    name,
    description,
    validateResource: [
      validateResourceOfType(authentik.Invitation, (invitation, _args, report) => validate(invitation, "", report)),
      validateResourceOfType(authentik.InvitationBatch, (batch, _args, report) => {
        for (const [key, entry] of Object.entries(batch.invitations)) {
          // An entry with an expiry of its own has none of the batch's.
          const { expires, validFor } = entry.expires || entry.validFor ? entry : batch;
          const { singleUse = batch.singleUse, flow = batch.flow } = entry;
          validate({ singleUse, flow, expires, validFor }, `${key}: `, report);
        }
      }),
    ],
  };
}

const unitDays: readonly (readonly [RegExp, number])[] = [
  [/^(s|secs?|seconds?)$/, 1 / 86_400],
  [/^(m|mins?|minutes?)$/, 1 / 1_440],
  [/^(h|hrs?|hours?)$/, 1 / 24],
  [/^(d|days?)$/, 1],
  [/^(w|weeks?)$/, 7],
  [/^(y|yrs?|years?)$/, 365],
];

/** Not a number, which is not short enough, if the unit is another one. */
function daysOf({ validFor, expires }: Invitation): number | undefined {
  if (validFor === undefined)
    return expires === undefined ? undefined : (Date.parse(expires) - Date.now()) / 86_400_000;
  const [, count, unit = ""] = /^([\d.]+) *([a-z]+)$/.exec(validFor.toLowerCase()) ?? [];
  const [, days = Number.NaN] = unitDays.find(([pattern]) => pattern.test(unit)) ?? [];
  return Number(count) * days;
}
