//! Documents that earlier versions of the same schema wrote are read, whole.

use bowline_bench::{Document, Report, SCHEMA_VERSION, Verdict, csv, hlog, page, plots, summary};
use serde_json::Value;

/// One run of each kind, with tables, plots and calibration, as they were when the schema was new. It is not to be changed to
/// please a test: a field that an old document lacks needs a default.
const SCHEMA_3: &str = include_str!("documents/schema-3.json");

/// A report of a chat and one of killed carriers, as they were when each had all fields of its own. Not to be changed either.
const TALK: &str = include_str!("documents/schema-3-talk.json");

/// A distribution's form depends on how it is compressed, what is in it doesn't.
fn is_distribution(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() > 80 && !text.contains(' '))
}

/// Whether everything of `old` is in `new`, in the same place.
fn assert_kept(old: &Value, new: &Value, at: &str) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in old {
                let kept = new.get(name).unwrap_or_else(|| panic!("{at}/{name} is gone"));
                assert_kept(value, kept, &format!("{at}/{name}"));
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            assert_eq!(old.len(), new.len(), "{at}");
            old.iter().zip(new).enumerate().for_each(|(n, (old, new))| assert_kept(old, new, &format!("{at}/{n}")));
        }
        (Value::Number(old), Value::Number(new)) => assert_eq!(old.as_f64(), new.as_f64(), "{at}"),
        _ if is_distribution(old) => assert!(is_distribution(new), "{at}"),
        _ => assert_eq!(old, new, "{at}"),
    }
}

#[test]
fn old_documents_of_the_schema_are_read_and_keep_their_fields() {
    let document = Document::from_json(SCHEMA_3).expect("it is of this schema");
    assert_eq!((document.schema, document.verdict), (SCHEMA_VERSION, Verdict::ClientBound));
    let old: Value = serde_json::from_str(SCHEMA_3).expect("JSON");
    let new: Value = serde_json::from_str(&document.to_json().expect("JSON")).expect("JSON");
    assert_kept(&old, &new, "");
    assert_eq!(Document::from_json(&document.to_json().expect("JSON")).expect("the same"), document);
}

#[test]
fn what_reports_of_talking_clients_have_in_common_is_where_it_was() {
    let reports: Vec<Report> = serde_json::from_str(TALK).expect("reports");
    assert!(matches!(&reports[..], [Report::Chat(_), Report::Resume(_)]));
    let old: Value = serde_json::from_str(TALK).expect("JSON");
    assert_kept(&old, &serde_json::to_value(&reports).expect("JSON"), "");
}

#[test]
fn all_forms_are_made_of_them() {
    let document = Document::from_json(SCHEMA_3).expect("it is of this schema");
    assert!(summary(&document).ends_with("verdict: client-bound: a load process used over 90 % of its core\n"));
    assert_eq!(csv(&document).lines().count(), 1 + document.runs().count());
    assert!(!hlog(&document).expect("a log").is_empty());
    assert!(page(&document).expect("a page").ends_with("</html>\n"));
    assert!(!plots(&document).expect("plots").is_empty());
}

#[test]
fn what_is_unknown_is_left_and_what_is_not_there_is_empty() {
    let mut old: Value = serde_json::from_str(SCHEMA_3).expect("JSON");
    let fields = old.as_object_mut().expect("an object");
    for gone in ["calibration", "tables", "plots"] {
        fields.remove(gone);
    }
    fields.insert("later".into(), 7.into());
    let document = Document::from_json(&old.to_string()).expect("it is of this schema");
    assert!(document.calibration.is_none() && document.tables.is_empty() && document.plots.is_empty());
}

#[test]
fn other_schemas_and_other_files_are_refused() {
    let why = |text: &str| {
        let error = Document::from_json(text).expect_err("refused");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", source.unwrap_or_default())
    };
    let other = SCHEMA_3.replacen("\"schema\": 3", "\"schema\": 2", 1);
    assert!(why(&other).contains("its schema is 2, and this program reads 3"), "{}", why(&other));
    for text in ["", "[]", "{}", "{\"schema\": 3}", "scenario,cell"] {
        assert!(why(text).contains("document of `bowline bench --json`"), "{text}: {}", why(text));
    }
}
