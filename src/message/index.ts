// Message octets and addresses: bytes in, bytes out, no I/O.
export {
  type Address,
  type AddressResult,
  addressText,
  canonicalAddress,
  canonicalize,
  decodeAddress,
  encodeAddress,
  formatAddress,
  parseAddress,
  sameAddress,
} from "./address.ts";
export {
  type AuthenticationResult,
  formatAuthenticationResults,
} from "./authentication-results.ts";
export { decodeBase64, isBase64 } from "./base64.ts";
export { canonicalDomain } from "./canonical-domain.ts";
export { claimsResults, withoutClaimedResults } from "./claimed-results.ts";
export { crlfLines } from "./crlf-lines.ts";
export { decodeEncodedWords } from "./encoded-words.ts";
export { foldList, foldLongLines, MAX_STEADY_LINE } from "./fold-lines.ts";
export {
  faultText,
  fieldText,
  type Header,
  type HeaderField,
  type MessageFault,
  parseHeader,
} from "./header.ts";
export { applyEdits, type HeaderEdit } from "./header-edits.ts";
export { HeaderReader } from "./header-reader.ts";
export { formatMailDate } from "./mail-date.ts";
export { type ParsedMailboxes, parseMailboxes, type RawAddress, type RawMailbox } from "./mailbox-parser.ts";
export { claimsAuthservId, readAuthenticationResults } from "./read-authentication-results.ts";
export { borderResults, propertyOf, resultOf, resultsBy } from "./recorded-results.ts";
export { type ContentType, parseContentType } from "./seven-bit/content-type.ts";
export { convertToSevenBit } from "./seven-bit/convert-to-seven-bit.ts";
export { EightBitScanner } from "./seven-bit/eight-bit-scanner.ts";
export { QuotedPrintableEncoder } from "./seven-bit/quoted-printable-encoder.ts";
export type { EightBitScan, SevenBitPlan } from "./seven-bit/seven-bit-plan.ts";
export { steadyAddresses } from "./steady-addresses.ts";
export { subjectPrefix } from "./subject-prefix.ts";
