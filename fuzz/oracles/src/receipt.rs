//! Receipts, opened receipts and proofs of fraud.

use cop_runtime::receipt::SignedReceipt;
use cop_runtime::receipt::check;
use cop_runtime::receipt::fraud::FraudProof;
use cop_runtime::receipt::opened::OpenedReceipt;

/// Any bytes are refused as each of them, or are its only encoding; what is read can be checked.
pub fn receipt(data: &[u8]) {
    if let Ok(signed) = SignedReceipt::decode(data) {
        assert!(
            signed.encode() == data,
            "another encoding of the same receipt"
        );
    }
    if let Ok(opened) = OpenedReceipt::decode(data) {
        assert!(
            opened.encode() == data,
            "another encoding of the same opened receipt"
        );
        check::leaves_fit(&opened);
        check::answer_fits(&opened, None);
    }
    if let Ok(proof) = FraudProof::decode(data) {
        assert!(proof.encode() == data, "another encoding of the same proof");
    }
}
