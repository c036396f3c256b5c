import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import type { CsvInvitation, CsvRow, InvitationsFromCsvOptions } from "../../provider/csv/file-options";
import { invitationsFromCsv } from "../../provider/program/invitations-from-csv";
import { runs } from "../hostile/runs";

const folder = mkdtempSync(join(tmpdir(), "csv-"));
const file = join(folder, "people.csv");
afterAll(() => rmSync(folder, { recursive: true }));

const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
beforeEach(() => warn.mockClear());

type Options = Partial<InvitationsFromCsvOptions>;

function read(csv: string | Uint8Array, options: Options = {}): Record<string, CsvInvitation> {
  writeFileSync(file, csv);
  return invitationsFromCsv(file, { key: "email", ...options });
}

/** The errors, each after the name of the file: `2: …` in a line, or ` …` in the whole file. */
function errorsOf(csv: string | Uint8Array, options: Options = {}): string[] {
  try {
    read(csv, options);
  } catch (error) {
    expect(pulumi.RunError.isInstance(error)).toBe(true);
    return withoutFolder((error as Error).message);
  }
  throw new Error("Expected an error.");
}

function warningsOf(csv: string, options: Options = {}): string[] {
  warn.mockClear();
  read(csv, options);
  return warn.mock.calls.flatMap(([message]) => withoutFolder(message));
}

function withoutFolder(message: string): string[] {
  return message.replaceAll(`${file}:`, "").split("\n");
}

/** Options that a program in JavaScript may pass. */
function untyped(options: Record<string, unknown>): Options {
  return options as Options;
}

const windows1252 = (text: string): Buffer =>
  Buffer.from(text.replaceAll("€", "\x80").replaceAll("’", "\x92"), "latin1");
const utf16be = (text: string): Buffer => Buffer.from(text, "utf16le").swap16();

const names = { fixedData: ["name"] } satisfies Options;

const csvWithUmlaut = "email,name\r\na@x.org,Jörg €\r\n";

// Other encodings, delimiters and line ends are in the last test.
test.each([
  ["UTF-16 LE", Buffer.from(csvWithUmlaut, "utf16le"), "utf-16le"],
  ["UTF-16 BE", utf16be(csvWithUmlaut), "UTF-16BE"],
  ["Windows-1252 under another name", windows1252(csvWithUmlaut), "latin1"],
  ["a byte order mark in spite of the option", Buffer.from(`\ufeff${csvWithUmlaut}`), "windows-1252"],
])("reads %s", (_case, bytes, encoding) => {
  expect(read(bytes, { ...names, encoding })).toEqual({ "a@x.org": { fixedData: { name: "Jörg €" } } });
});

test.each<[string, string, Options]>([
  ["a semicolon in quoted headers", '"email";"name";"a, b, c"\n"a@x.org";"Byron, Ada";""\n"b@x.org";Bob;\n', {}],
  ["a semicolon with commas in headers", "name;email;x, y, z, t\nByron, Ada;a@x.org;\nBob;b@x.org;\n", {}],
  ["a semicolon in the line sep=", "sep=;\r\nemail;name\r\na@x.org;Byron, Ada\r\nb@x.org;Bob\r\n", {}],
  ["a bar in the quoted line sep=", '"SEP=|"\nemail|name\na@x.org|Byron, Ada\nb@x.org|Bob', {}],
  ["the option delimiter", "email|name\na@x.org|Byron, Ada\nb@x.org|Bob", { delimiter: "|" }],
  ["the option instead of sep=", "sep=,\nemail;name\na@x.org;Byron, Ada\nb@x.org;Bob", { delimiter: ";" }],
  ["no header row", "a@x.org;Byron, Ada\nb@x.org;Bob\n", { columns: ["email", "name"] }],
  ["another file appended", '\ufeff\ufeff"email","name"\na@x.org,"Byron, Ada"\n\ufeff"b@x.org","Bob"\n', {}],
  [
    "blank rows and trailing delimiters",
    "\n;;\nemail;name;;\na@x.org;Byron, Ada;;\n;;;\n \t;\u00a0;\n;;;;;;\n   \nb@x.org;Bob;\n;;\n\u200b\n",
    {},
  ],
])("reads a file with %s", (_case, csv, options) => {
  const expected = { "a@x.org": { fixedData: { name: "Byron, Ada" } }, "b@x.org": { fixedData: { name: "Bob" } } };
  expect(read(csv, { ...names, ...options })).toEqual(expected);
});

test("reads other encodings of TextDecoder, and ASCII with any", () => {
  const bytes = Buffer.concat([Buffer.from("email,name\na@x.org,"), Buffer.from([0x8d, 0xb2, 0x93, 0xa1])]);
  expect(read(bytes, { ...names, encoding: "shift_jis" })).toEqual({ "a@x.org": { fixedData: { name: "佐藤" } } });
  const cut = Buffer.concat([bytes, Buffer.from([0x81])]);
  expect(errorsOf(cut, { ...names, encoding: "shift_jis" })).toEqual(["2: is not shift_jis"]);
  expect(read("email\na@x.org\nb@x.org", { encoding: "windows-1252" })).toEqual({ "a@x.org": {}, "b@x.org": {} });
});

test("compares the names of columns in one Unicode normal form", () => {
  expect(read("email,Gro\u0308ße\na,1\n", { fixedData: ["Größe"] })).toEqual({ a: { fixedData: { Größe: "1" } } });
  const decomposed = "Gro\u0308ße";
  expect(read("email,Größe\na,1\n", { fixedData: [decomposed] })).toEqual({ a: { fixedData: { [decomposed]: "1" } } });
});

test("reads columns and keys with the names of object properties", () => {
  const csv = "__proto__,constructor,toString\nhasOwnProperty,x,\nconstructor,z,\n";
  const fixedData = ["constructor", "toString"];
  const key = (row: CsvRow): string => String(Object.values(row)[0]);
  for (const options of [{ key: "__proto__" }, { key }])
    expect(Object.entries(read(csv, { ...options, fixedData }))).toEqual([
      ["hasOwnProperty", { fixedData: { constructor: "x" } }],
      ["constructor", { fixedData: { constructor: "z" } }],
    ]);
});

test("removes blanks around cells, and omits empty cells of fixedData", () => {
  const csv =
    '\u200bemail\u00a0, name ,team\n\ufeff a@x.org\u200b,\u2007Ada\u00a0L.\u202f,\u00a0\n "b@x.org" , " Bob" ,"\u200e"\n';
  expect(read(csv, { email: "email", fixedData: ["email", "name", "team"] })).toEqual({
    "a@x.org": { email: { to: ["a@x.org"] }, fixedData: { email: "a@x.org", name: "Ada\u00a0L." } },
    "b@x.org": { email: { to: ["b@x.org"] }, fixedData: { email: "b@x.org", name: "Bob" } },
  });
  expect(read(csv, { key: " email ", fixedData: ({ name, team }) => ({ name, team }) })["b@x.org"]).toEqual({
    fixedData: { name: "Bob", team: "" },
  });
});

test.each([
  ["\r\n", "\n", "\r"],
  ["\n", "\r\n", "\r"],
  ["\r", "\r\n", "\n"],
  ["\n", "\r", "\r\n"],
])("counts the lines of mixed line ends", (first, second, third) => {
  const csv = `email,name${first}a@x.org,"x${second}y"${second}b@x.org,${third}c@x.org,`;
  expect(Object.keys(read(csv))).toEqual(["a@x.org", "b@x.org", "c@x.org"]);
  expect(errorsOf(`${csv}${first}${first},x`)).toEqual(["7: email must not be empty"]);
});

test("suggests the option encoding for a file that is not UTF-8", () => {
  const suggestion = expect.stringMatching(/^3: is not UTF-8\. Set encoding, for example encoding: "windows-1252"/);
  for (const end of ["\n", "\r"]) {
    const csv = ["email,name", "a@x.org,Ada", "b@x.org,Jörg", ""].join(end);
    expect(errorsOf(windows1252(csv))).toEqual([suggestion]);
  }
  expect(errorsOf(Buffer.from(csvWithUmlaut, "utf16le"))).toEqual([expect.stringContaining('encoding: "utf-16le"')]);
  expect(errorsOf(utf16be(csvWithUmlaut))).toEqual([expect.stringContaining('encoding: "utf-16be"')]);
  expect(errorsOf("email,name\na@x.org,J\ufffdrg\n")).toEqual([expect.stringMatching(/^2: contains U\+FFFD/)]);
});

const quoted = "is not valid CSV (RFC 4180), for example because of a quote inside a cell that is not quoted";
const dropped = "because Pulumi drops it";
const differs = "only in capitals, invisible characters or Unicode normal form";
const nul = " contains NUL characters, so its encoding is not windows-1252. Check the option encoding";
const columns = ["email", "name"];
const encoding = "windows-1252";
const mistyped: Options = {
  key: ({ email }) => String(email),
  fixedData: (row) => ({ name: row["nmae"]?.split(" ")[0], optional: "nick" in row ? row["nick"] : undefined }),
  skip: ({ emial }) => emial?.startsWith("x") ?? false,
};
const duplicates =
  "email,name\nsecret@x.org,1\n,2\nSecret@X.org,3\nsecret@x.org,4\njose\u0301,5\nJOSÉ,6\nＳＴＲＡẞＥ,7\nstra\u200bsse,8\n";

test.each<[string | readonly string[], string | Uint8Array, Options?]>([
  [nul, Buffer.from(csvWithUmlaut, "utf16le"), { encoding }],
  ["2: is UTF-8, not windows-1252. Remove the option encoding", csvWithUmlaut, { ...names, encoding }],
  ["3: repeats the names of the columns", 'email,name\na@x.org,Ada\n\ufeffemail,name\n\ufeff"b@x.org","Bob"\n'],
  // By the line on which a row starts.
  [
    ["6: has 1 cells, but the header row has 2", "7: has 3 cells, but the header row has 2"],
    'sep=,\nemail,name\n"a@x.org","two\r\nlines"\n\nb@x.org\nc@x.org,"x\n\ny",secret\nd@x.org,x\n',
  ],
  ["3: a quote is not closed", 'email\na@x.org\n"secret\n'],
  ["5: a quote is not closed", 'sep=,\nemail\n"a\nb"\n"secret\nx\n'],
  [`2: ${quoted}`, 'email\nsec"ret\n'],
  [`2: ${quoted}`, 'email\n"sec"ret\n'],
  [
    [
      "1: no column unitl. Did you mean Until?",
      "1: no column nmae. Did you mean name?",
      "1: no column team. The columns are email, name, Until",
    ],
    "email,name,Until\nx,y,z\n",
    { fixedData: ["email", "nmae", "team", "email"], email: "nmae", expires: "unitl" },
  ],
  ["2: no column email. Did you mean E-Mail?", "\nE-Mail;Name\nx;y\n"],
  // Which only functions read.
  [
    ["1: no column emial. Did you mean email?", "1: no column nmae. Did you mean name?"],
    "email,name\nx@x.org,y\nz@x.org,t\n",
    mistyped,
  ],
  ["1: no column nmae. Did you mean name?", "email,name\nx@x.org,y\n", { ...mistyped, skip: undefined }],
  ["1: no column constructor. The columns are email", "email\nx\n", { fixedData: ["constructor"] }],
  ["1: columns 1 and 3 have the same name, email", "email,name,email \na@x.org,x,b@x.org\n"],
  ["1: columns 1 and 3 have the same name", "secret,x,secret\nb,x,c\n", { key: () => "x" }],
  [" option columns: columns 1 and 2 have the same name, email", "a@x.org\n", { columns: ["email", "email"] }],
  [" option columns: no column nme. Did you mean name?", "a@x.org,secret\n", { columns, fixedData: ["nme"] }],
  ["1: has 3 cells, but the option columns has 2", "a@x.org,secret,x\n", { columns }],
  ["2: is a header row. Remove the option columns", "\nE-Mail,Name\na@x.org,secret\n", { columns }],
  [`2: email must not be the name of JavaScript's prototype property, ${dropped}`, "email,x\n__proto__,x\na,y\n"],
  [`2: fixedData must not have the key __proto__, ${dropped}`, "email,__proto__\na,x\n", { fixedData: ["__proto__"] }],
  [
    [
      "3: email must not be empty",
      `4: email differs from line 2 ${differs}`,
      "5: email is the same as in line 2",
      `7: email differs from line 6 ${differs}`,
      `9: email differs from line 8 ${differs}`,
    ],
    duplicates,
  ],
])("reports %j", (errors, csv, options = {}) => {
  expect(errorsOf(csv, options)).toEqual([errors].flat());
});

test.each([
  ["a workbook", "PK\x03\x04\x14\x00"],
  ["a workbook", "\xd0\xcf\x11\xe0\xa1\xb1"],
  ["a PDF", "%PDF-1.7\n"],
  ["a compressed file", "\x1f\x8b\x08"],
  ["a document", "{\\rtf1\\ansi"],
  ["HTML", "\r\n<html><table><tr><td>email"],
  ["HTML", "<!DOCTYPE html>"],
  ["HTML or XML", '<?xml version="1.0"?>\n<Workbook>'],
])("rejects %s", (format, content) => {
  for (const encoding of [undefined, "windows-1252"]) {
    const [error, ...others] = errorsOf(Buffer.from(content, "latin1"), { encoding });
    expect(error).toContain(` is ${format}`);
    expect(error).toMatch(/, not CSV\. Export the table as CSV$/);
    expect(others).toEqual([]);
  }
});

test.each([
  "emai@secret.org,Secret\n",
  "Secret;2030-01-01\nx;2030-01-01\n",
  "Secret,Seven\nOther,Six\n",
  // As similar to the columns `email` and `name` as misspelled ones.
  "Emil,Nama\nOtto,Jane\n",
])("does not quote the first row if the header row is missing: %j", (csv) => {
  const missing = (column: string) => `1: no column ${column}. If the file has no header row, set the option columns`;
  expect(errorsOf(csv, names)).toEqual([missing("email"), missing("name")]);
  expect(errorsOf(`${csv}x,y\n`, { key: ({ email }) => String(email) })).toEqual([missing("email")]);
});

describe("keys", () => {
  test("keeps the first row of each key", () => {
    const csv = "email,name\na@x.org,1\nA@x.org,2\nb@x.org,3\na@x.org,4\n";
    expect(read(csv, { ...names, duplicates: "first" })).toEqual({
      "a@x.org": { fixedData: { name: "1" } },
      "b@x.org": { fixedData: { name: "3" } },
    });
  });

  test("warns about an address that gets several invitations, without the address", () => {
    const csv = "id,mail,boss\n1,secret@x.org,c@x.org\n2,b@x.org,c@x.org\n3,Secret@X.org,d@x.org\n4,,\n5,,\n";
    const line = "has the same email address as line 2, which therefore gets several invitations";
    expect(warningsOf(csv, { key: "id", email: "mail" })).toEqual([`4: ${line}`]);
    expect(warningsOf(csv, { key: "id", fixedData: ({ mail }) => ({ email: mail, team: "x" }) })).toEqual([
      `4: ${line}`,
      "6: has the same email address as line 5, which therefore gets several invitations",
    ]);
  });

  test("warns about a link that is emailed to an address other than the key", () => {
    const csv = "email,boss\na@x.org,secret@x.org\nb@x.org,B@x.org\nc@x.org, \n";
    const byFunction: Options = { email: ({ boss }) => (boss ? { to: [boss] } : undefined) };
    for (const options of [{ email: "boss" }, byFunction])
      expect(read(csv, options)).toEqual({
        "a@x.org": { email: { to: ["secret@x.org"] } },
        "b@x.org": { email: { to: ["B@x.org"] } },
        "c@x.org": {},
      });
    expect(warningsOf(csv, { email: "boss" })).toEqual([
      "2: boss is another address than the key, and is emailed the link. If this is intended, use a function for the option email",
    ]);
    expect(warningsOf(csv, byFunction)).toEqual([]);
  });
});

describe("values", () => {
  test("reads columns", () => {
    const csv = "email,until,days,once\na,2031-01-01T00:00:00Z,,TRUE\nb,,14d,no\nc,,,\nd,,,1\ne,,,Yes\nf,,,0\n";
    const options = { expires: "until", validFor: "days", singleUse: "once" };
    expect(read(csv, { ...options, fixedData: ({ email }) => ({ e: email }) })).toEqual({
      a: { expires: "2031-01-01T00:00:00Z", singleUse: true, fixedData: { e: "a" } },
      b: { validFor: "14d", singleUse: false, fixedData: { e: "b" } },
      c: { fixedData: { e: "c" } },
      d: { singleUse: true, fixedData: { e: "d" } },
      e: { singleUse: true, fixedData: { e: "e" } },
      f: { singleUse: false, fixedData: { e: "f" } },
    });
  });

  test("computes everything with functions", () => {
    const csv = "first,last,year,kind\nAda,Byron,2031,staff\nBob,Smith,,guest\nEve,Jones,,left\n";
    const options: InvitationsFromCsvOptions = {
      key: ({ first, last }) => ` ${first}.${last}`.toLowerCase(),
      skip: ({ kind }) => kind === "left",
      expires: ({ year }) => year && `${year}-01-01T00:00:00Z`,
      validFor: ({ year }) => (year ? undefined : "3d"),
      singleUse: ({ kind }) => kind === "guest",
      fixedData: (row) => row,
      email: ({ first }) => (first === "Ada" ? { to: ["ada@x.org"], cc: ["bob@x.org"] } : undefined),
    };
    expect(read(csv, options)).toEqual({
      "ada.byron": {
        expires: "2031-01-01T00:00:00Z",
        singleUse: false,
        fixedData: { first: "Ada", last: "Byron", year: "2031", kind: "staff" },
        email: { to: ["ada@x.org"], cc: ["bob@x.org"] },
      },
      "bob.smith": {
        validFor: "3d",
        singleUse: true,
        fixedData: { first: "Bob", last: "Smith", year: "", kind: "guest" },
      },
    });
  });

  test("passes on values that Pulumi resolves later", () => {
    const fixedData = pulumi.secret({ password: "x" });
    const options = untyped({ fixedData: () => fixedData });
    expect(Object.values(read("email\na\n", options)).map((invitation) => invitation.fixedData)[0]).toBe(fixedData);
  });

  test("reports invalid cells by line", () => {
    const csv =
      "email,until,days,once,mail\na,secret,secret,secret,secret\nb,15.03.2031,0d,,\nc,2031-02-29T00:00:00Z,,,\nd,2031-01-01T00:00:00Z,3d,,\n";
    const options = { expires: "until", validFor: "days", singleUse: "once", email: "mail" };
    const timestamp =
      'until must be an RFC 3339 timestamp with a time zone, for example 2027-01-31T23:59:59Z. For dates, set expires to an object, for example { column: "until", format: "DD.MM.YYYY" }';
    const duration = "days must be a number greater than zero and a unit, for example 14d, 36h or 90m (minutes)";
    expect(errorsOf(csv, options)).toEqual([
      `2: ${timestamp}`,
      `2: ${duration}`,
      "2: once must be true or false",
      "2: mail must be an email address, for example jane@example.com",
      `3: ${timestamp}`,
      `3: ${duration}`,
      `4: ${timestamp}`,
      "5: has both expires and validFor. Set one of them",
    ]);
  });

  test("reports invalid results of functions by line", () => {
    const options = untyped({
      expires: () => new Date(),
      validFor: () => 14,
      singleUse: () => "true",
      fixedData: () => ["x"],
      email: ({ email }: CsvRow) => ({ to: [email], cc: "x" }),
    });
    expect(errorsOf("email\nsecret\n", options)).toEqual([
      expect.stringMatching(/^2: expires must be an RFC 3339 timestamp.* For a Date, use \.toISOString\(\)$/),
      expect.stringMatching(/^2: validFor must be a number greater than zero and a unit/),
      "2: singleUse must be true or false",
      "2: fixedData must return an object",
      "2: email.to must be a list of email addresses",
      "2: email.cc must be a list of email addresses",
    ]);
    expect(errorsOf("email\nsecret\n", untyped({ key: () => 5 }))).toEqual(["2: key must return a string"]);
    // An async function always returns something that is true.
    expect(errorsOf("email\nsecret\n", untyped({ skip: async () => await Promise.resolve(false) }))).toEqual([
      "2: skip must return true or false",
    ]);
  });

  test("reports a function that throws, without its message", () => {
    const options: Options = {
      fixedData: ({ email }) => JSON.parse(String(email)) as Record<string, unknown>,
      email: ({ email }) => {
        throw String(email);
      },
    };
    expect(errorsOf("email\nsecret\n", options)).toEqual([
      "2: the function fixedData threw SyntaxError",
      "2: the function email threw a value of type string",
    ]);
  });

  test("lists up to 20 errors", () => {
    const errors = errorsOf(`email,name\n${"x\n".repeat(25)}`);
    expect(errors).toHaveLength(21);
    expect(errors.at(-1)).toBe("5 more errors");
  });
});

describe("dates", () => {
  const dates = (format: string, addDays?: number): Options => ({ expires: { column: "start", format, addDays } });

  test.each([
    ["31.12.2031", "DD.MM.YYYY", 0, "2031-12-31T23:59:59Z"],
    ["29.02.2032", "DD.MM.YYYY", 3, "2032-03-03T23:59:59Z"],
    ["1.3.2031", "DD.MM.YYYY", -1, "2031-02-28T23:59:59Z"],
    ["3/1/2031", "MM/DD/YYYY", 0, "2031-03-01T23:59:59Z"],
    ["2031-03-01", "YYYY-MM-DD", 0, "2031-03-01T23:59:59Z"],
    ["20310301", "YYYYMMDD", 0, "2031-03-01T23:59:59Z"],
    ["2031年3月1日", "YYYY年MM月DD日", 0, "2031-03-01T23:59:59Z"],
  ])("%s in the format %s plus %d days is %s", (cell, format, addDays, expires) => {
    expect(read(`email,start\na,${cell}\nb,\n`, dates(format, addDays))).toEqual({ a: { expires }, b: {} });
  });

  test.each([
    ...["29.02.2031", "2031-03-01", "01.03.31", "1.3.2031 00:00", "3.31.2031"].map((cell) => [cell, "DD.MM.YYYY"]),
    // Is ambiguous.
    ["2031111", "YYYYMMDD"],
  ] as [string, string][])("rejects %s in the format %s", (cell, format) => {
    const error = `2: start must be a date in the format ${format}`;
    expect(errorsOf(`email,start\na,${cell}\n`, dates(format))).toEqual([error]);
  });
});

describe("files and options", () => {
  test("rejects a file without rows, unless allowEmpty is set", () => {
    const suffix = "which would delete all invitations of the batch. If this is intended, set allowEmpty: true";
    for (const csv of ["email,name\n", "email;name\n;\n"]) {
      expect(errorsOf(csv)).toEqual([` has a header row and no other rows, ${suffix}`]);
      expect(read(csv, { allowEmpty: true })).toEqual({});
    }
    const all = { skip: () => true };
    expect(errorsOf("email\na\n", all)).toEqual([` the option skip excludes all rows, ${suffix}`]);
    expect(read("email\na\n", { ...all, allowEmpty: true })).toEqual({});
  });

  test("rejects an empty file", () => {
    for (const csv of ["", "\ufeff", "\r\n", ";;\n", "sep=;\n"]) {
      expect(errorsOf(csv)).toEqual([" is empty"]);
      expect(errorsOf(csv, { allowEmpty: true })).toEqual([" is empty"]);
      expect(errorsOf(csv, { columns: ["email"] })).toEqual([" is empty"]);
      expect(read(csv, { columns: ["email"], allowEmpty: true })).toEqual({});
    }
  });

  test("rejects a file that does not exist", () => {
    expect(() => invitationsFromCsv("none.csv", { key: "email" })).toThrow(/^Cannot read none\.csv: ENOENT/);
  });

  const columnOrFunction = "must be the name of a column, or a function of the row";
  const date = { column: "x", format: "YYYY-MM-DD" };
  const noFormat = "expires.format must contain YYYY, MM and DD, each once, for example DD.MM.YYYY";
  const unnamed = "must be a list of columns, or an object with columns as values, or a function of the row";

  test.each<[Record<string, unknown>, string | RegExp]>([
    [{ fixeddata: [] }, "unknown option fixeddata. Did you mean fixedData?"],
    [{ single_use: "x" }, "unknown option single_use. Did you mean singleUse?"],
    [{ separator: ";" }, /^unknown option separator\. The options are key, fixedData, .*, allowEmpty$/],
    [{ key: 5 }, `key ${columnOrFunction}`],
    [{ key: undefined }, "key is required: the column with each invitation's key, or a function"],
    [{ key: " " }, `key ${columnOrFunction}`],
    [{ fixedData: "email" }, `fixedData ${unnamed}`],
    [{ expires: new Date() }, "expires.column is required"],
    [{ expires: { ...date, format: "DD.MM.YY" } }, noFormat],
    [{ expires: { ...date, addDay: 3 } }, "unknown property expires.addDay. Did you mean addDays?"],
    [{ expires: { ...date, addDays: "3" } }, "expires.addDays must be an integer"],
    [{ singleUse: true }, `singleUse ${columnOrFunction}`],
    [{ skip: 5 }, `skip ${columnOrFunction}`],
    [{ duplicates: "last" }, 'duplicates must be "error" or "first"'],
    [{ columns: "email" }, "columns must be a list of column names"],
    [{ delimiter: ";;" }, 'delimiter must be one character, for example ";" or "\\t"'],
    [{ encoding: "ansi" }, 'encoding must be a name that TextDecoder knows, for example "windows-1252" or "utf-16le"'],
    [{ allowEmpty: "true" }, "allowEmpty must be true or false"],
  ])("rejects the options %j", (options, expected) => {
    const [error] = errorsOf("email\na\n", untyped(options));
    const message = error?.replace(/^invitationsFromCsv: /, "");
    if (typeof expected === "string") expect(message).toBe(expected);
    else expect(message).toMatch(expected);
  });

  test("reads nested fixedData from an object with columns as values, and ignores rows that a column says", () => {
    const csv = "email,E-mail,Team,Left\na,a@x.org,sales,no\nb,b@x.org,,\nc,c@x.org,sales,YES\n";
    const fixedData = { mail: "E-mail", attributes: { team: "Team" } };
    expect(read(csv, { fixedData, skip: "Left" })).toEqual({
      a: { fixedData: { mail: "a@x.org", attributes: { team: "sales" } } },
      b: { fixedData: { mail: "b@x.org" } },
    });
    expect(errorsOf(csv, { fixedData: { attributes: { team: "Tem" } } })).toEqual([
      "1: no column Tem. Did you mean Team?",
    ]);
    expect(errorsOf("email,Left\na,perhaps\n", { skip: "Left" })).toEqual(["2: Left must be true or false"]);
    expect(errorsOf(csv, untyped({ fixedData: { team: 5 } }))).toEqual([`invitationsFromCsv: fixedData ${unnamed}`]);
  });

  test("rejects missing arguments", () => {
    const call = invitationsFromCsv as (...args: unknown[]) => unknown;
    expect(() => call()).toThrow("invitationsFromCsv: file must be the path of a file");
    expect(() => call(file)).toThrow('invitationsFromCsv: options must be an object, for example { key: "email" }');
  });

  test("reads 100,000 rows in a time that is proportional to their number", () => {
    const time = (count: number): number => {
      const rows = Array.from({ length: count }, (_, index) => `user${index}@x.org,"User ${index}"\r\n`);
      const started = performance.now();
      const invitations = read(`email,name\r\n${rows.join("")}`, { fixedData: ({ name }) => ({ name }) });
      const elapsed = performance.now() - started;
      expect(Object.keys(invitations)).toHaveLength(count);
      return elapsed;
    };
    // Ten times as long, and a margin for other load on the machine. It would be a hundred times as long if it were quadratic.
    const fewer = Math.max(time(10_000), time(10_000));
    expect(time(100_000)).toBeLessThan(40 * fewer);
  });
});

test("reads back every table in every encoding, with every delimiter and line end", () => {
  const lineEnd = fc.constantFrom("\r\n", "\n", "\r");
  const cell = fc
    .string({ unit: fc.constantFrom(..."aZ5 ,;\t\"'\n\r=|üßéñ@-".split("")), maxLength: 8 })
    .map((text) => text.trim());
  const encodings: [string, string | undefined, (text: string) => Buffer][] = [
    ["utf-8", undefined, (text) => Buffer.from(text)],
    ["utf-8 with a byte order mark", undefined, (text) => Buffer.from(`\ufeff${text}`)],
    ["utf-16le", undefined, (text) => Buffer.from(`\ufeff${text}`, "utf16le")],
    ["utf-16be", undefined, (text) => utf16be(`\ufeff${text}`)],
    ["windows-1252", "windows-1252", (text) => windows1252(text)],
  ];
  const property = fc.property(
    fc.array(fc.tuple(cell, cell, fc.boolean(), lineEnd), { minLength: 1, maxLength: 8 }),
    fc.constantFrom(",", ";", "\t"),
    fc.constantFrom(...encodings),
    lineEnd,
    fc.boolean(),
    (rows, delimiter, [, encoding, encode], headerEnd, hasSeparatorLine) => {
      const write = (text: string, isQuoted: boolean): string =>
        isQuoted || /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
      const lines = rows.map(
        ([name, team, isQuoted, end], index) =>
          [`key${index}`, write(name, isQuoted), write(team, isQuoted)].join(delimiter) + end,
      );
      const header = ["email", '"name"', "team"].join(delimiter) + headerEnd;
      const text = (hasSeparatorLine ? `sep=${delimiter}${headerEnd}` : "") + header + lines.join("");
      const invitations = read(encode(text), { encoding, fixedData: ({ name, team }) => ({ name, team }) });
      expect(Object.values(invitations).map(({ fixedData }) => fixedData)).toEqual(
        rows.map(([name, team]) => ({ name, team })),
      );
    },
  );
  fc.assert(property, runs(500));
});
