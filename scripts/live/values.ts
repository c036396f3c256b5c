/** Values that the program declares and main.ts verifies. */
export const declared = { expires: "2035-01-31T12:00:00Z", validFor: "14d", team: "live" };

/** Inputs of the invitations that are created outside Pulumi, to be imported or read. */
export const external = {
  expires: "2034-06-30T08:15:00Z",
  singleUse: true,
  fixedData: { attributes: { origin: "external" } },
};

/** The pks of an invitation and a stage to import, and of two to read with `get`. */
export interface ExternalPks {
  readonly imported?: readonly string[];
  readonly existing?: readonly string[];
}
