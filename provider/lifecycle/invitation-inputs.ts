import { z } from "zod";
import { faults, type Properties, unknownValue } from "./check";
import { fixedData } from "./fixed-data";
import { parseDuration } from "./instant";
import { connectionName, storableText } from "./properties";

/** What check has made of the program's arguments, in the words in which the user wrote them. */
export interface InvitationInputs {
  readonly name: string;
  readonly expires?: string;
  readonly validFor?: string;
  readonly fixedData: Readonly<Record<string, unknown>>;
  readonly singleUse: boolean;
  readonly flow?: string;
  readonly onRetired?: "keep" | "reissue";
  readonly keepers?: Readonly<Record<string, unknown>>;
  readonly connection?: string;
}

const instant = "must be an RFC 3339 instant with its zone, such as 2027-01-31T23:59:59Z";

const schema = z.strictObject({
  name: storableText
    .refine((name) => name.trim() !== "", "must not be empty")
    .refine(
      (name) => /^[-\w]*$/.test(name.trim()),
      "must hold only the letters a-z and A-Z, digits, _ and -, without blanks, for authentik takes no others (it is the resource's name unless it is set)",
    )
    .optional(),
  expires: z
    .string(`${instant}; of a Date, use .toISOString()`)
    .refine((text) => z.iso.datetime({ offset: true }).safeParse(text.toUpperCase()).success, {
      error: instant,
      abort: true,
    })
    .refine((text) => isWithinYears(Date.parse(text.toUpperCase())), "must lie in the years 1 to 9999 of UTC")
    .optional(),
  validFor: z
    .string("must be a duration as a text, such as 14d")
    .refine((text) => parseDuration(text) !== undefined, {
      error: "must be one number and one unit, such as 14d, 36h or 90m",
      abort: true,
    })
    .refine((text) => (parseDuration(text) ?? 0) > 0, { error: "must be longer than nothing", abort: true })
    .refine((text) => isWithinYears(Date.now() + (parseDuration(text) ?? 0)), "must not reach beyond the year 9999")
    .optional(),
  fixedData: fixedData.optional(),
  singleUse: z.boolean("must be true or false").optional(),
  flow: z
    .string("must be a flow's slug or UUID as a text")
    .refine((text) => text.trim() !== "", "must not be empty; leave it out for an invitation to any flow")
    .refine((text) => /^[-\w]*$/.test(text.trim()), "must be a flow's slug (letters, digits, _ and -) or UUID")
    .optional(),
  onRetired: z.enum(["keep", "reissue"], 'must be "keep" or "reissue"').optional(),
  keepers: z.record(z.string(), z.unknown(), "must be an object").optional(),
  connection: connectionName.optional(),
});

/** All faults in an invitation's inputs; with `toBeIssued`, an expiry in the past is one, too. */
export function invitationFaults(inputs: Properties, toBeIssued: boolean): string[] {
  return [...faults(schema, inputs), ...expiryFaults(inputs, toBeIssued), ...reissueFaults(inputs)];
}

/** An instant that has passed would be the next invitation's, too: only a duration can be counted anew. */
function reissueFaults({ onRetired, expires, validFor }: Properties): string[] {
  const isUnsure = expires === unknownValue || validFor === unknownValue;
  return onRetired === "reissue" && validFor === undefined && !isUnsure
    ? ['onRetired: "reissue" needs validFor instead of expires, so that the next invitation has a time of its own']
    : [];
}

function expiryFaults({ expires, validFor }: Properties, toBeIssued: boolean): string[] {
  // An unknown may turn out to be nothing, so that beside one neither the other's presence nor its absence is a fault yet.
  if (expires === unknownValue || validFor === unknownValue) return [];
  if (expires !== undefined && validFor !== undefined) return ["expires: give either it or validFor, not both"];
  if (expires === undefined && validFor === undefined) {
    return [
      "expires: give it (such as 2027-01-31T23:59:59Z) or validFor (such as 14d): without either authentik would let the invitation die within half an hour",
    ];
  }
  const isPast = typeof expires === "string" && Date.parse(expires.toUpperCase()) <= Date.now();
  return toBeIssued && isPast ? ["expires: lies in the past, so that the invitation would be dead from the start"] : [];
}

function isWithinYears(milliseconds: number): boolean {
  const year = new Date(milliseconds).getUTCFullYear();
  return year >= 1 && year <= 9999;
}
