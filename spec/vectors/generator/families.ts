import { base64AndIdentities } from "./families/v1-base64-and-identities.ts";
import { fields } from "./families/v1-fields.ts";
import { lists } from "./families/v1-lists.ts";
import { namesAndVersions } from "./families/v1-names-and-versions.ts";
import { wordsAndNumbers } from "./families/v1-words-and-numbers.ts";
import { headerCanonicalization } from "./families/v2-header-canonicalization.ts";
import { bodyCanonicalization } from "./families/v3-body-canonicalization.ts";
import { signingInputs } from "./families/v4-signing-input.ts";
import { keyIds } from "./families/v5-key-ids.ts";
import { pairs } from "./families/v6-pairs.ts";
import { signatures } from "./families/v6-signatures.ts";
import { coverage } from "./families/v7-coverage.ts";
import { numberOfFields } from "./families/v7-number-of-fields.ts";
import { lineRules } from "./families/v8-line-rules.ts";
import { domains } from "./families/v9-domains.ts";
import { encodedAddresses } from "./families/v9-encoded-addresses.ts";
import { localParts } from "./families/v9-local-parts.ts";
import { alignment } from "./families/v10-alignment.ts";
import { selection } from "./families/v10-selection.ts";
import { recipients } from "./families/v11-recipients.ts";
import { endsOfChains } from "./families/v12-ends-of-chains.ts";
import { recipientsOfChains } from "./families/v12-recipients-of-chains.ts";
import { authorPolicies } from "./families/v13-author-policy.ts";
import { policyRecords } from "./families/v13-policy-records.ts";
import { rememberedPolicies } from "./families/v13-remembered-policy.ts";
import { policies } from "./families/v13-tree-walk.ts";
import { keyProtocolLines } from "./families/v15-key-protocol-lines.ts";
import { statementSignatures } from "./families/v17-signatures.ts";
import { staples } from "./families/v17-staples.ts";
import { statesAndKeys } from "./families/v17-states-and-keys.ts";
import { times } from "./families/v17-times.ts";
import { lookupTraces } from "./families/v18-lookup-traces.ts";
import { headerChecks } from "./families/v19-header-checks.ts";
import { vaultRequests } from "./families/v19-requests.ts";
import { actions } from "./families/v20-actions.ts";
import { resultFields } from "./families/v20-result-fields.ts";
import { reportCases } from "./families/v21-reports.ts";
import type { Family } from "./vector.ts";

export const families: readonly Family[] = [
  {
    folder: "v1-tag-grammar",
    cases: [...fields, ...namesAndVersions, ...wordsAndNumbers, ...lists, ...base64AndIdentities],
  },
  { folder: "v2-header-canonicalization", cases: headerCanonicalization },
  { folder: "v3-body-canonicalization", cases: bodyCanonicalization },
  { folder: "v4-signing-input", cases: signingInputs },
  { folder: "v5-key-ids", cases: keyIds },
  { folder: "v6-signatures", cases: [...signatures, ...pairs] },
  { folder: "v7-coverage", cases: [...coverage, ...numberOfFields] },
  { folder: "v8-line-rules", cases: lineRules },
  { folder: "v9-addresses", cases: [...localParts, ...domains, ...encodedAddresses] },
  { folder: "v10-selection-and-alignment", cases: [...selection, ...alignment] },
  { folder: "v11-recipients", cases: recipients },
  { folder: "v12-custody", cases: [...recipientsOfChains, ...endsOfChains] },
  { folder: "v13-policy", cases: [...policyRecords, ...policies, ...rememberedPolicies, ...authorPolicies] },
  { folder: "v15-key-protocol", cases: keyProtocolLines },
  { folder: "v17-statements", cases: [...statesAndKeys, ...times, ...statementSignatures, ...staples] },
  { folder: "v18-memory-and-budgets", cases: lookupTraces },
  { folder: "v19-private-interface", cases: [...vaultRequests, ...headerChecks] },
  { folder: "v20-actions-and-results", cases: [...actions, ...resultFields] },
  { folder: "v21-reports", cases: reportCases },
];
