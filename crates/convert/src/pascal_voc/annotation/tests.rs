use super::*;

fn read(body: &str) -> Result<Annotation, Problem> {
    parse(&format!("<annotation>{body}</annotation>"), "a.xml", &Limits::default())
}

const BOX: &str = "<bndbox><xmin>1.5</xmin><ymin> 2 </ymin><xmax>3e1</xmax><ymax>4</ymax></bndbox>";

#[test]
fn numbers_may_have_fractions_and_space() {
    let annotation = read(&format!("<object><name>cat</name>{BOX}</object>")).unwrap();
    assert_eq!(annotation.objects[0].bounds, [1.5, 2.0, 30.0, 4.0]);
    assert_eq!(annotation.objects[0].truncated, None);
    assert_eq!(annotation.extra, None);
}

#[test]
fn problems_name_the_object_and_the_place() {
    let cases = [
        ("<object><name>cat</name></object>", "<bndbox> is missing"),
        ("<object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object>", "<ymin> is missing"),
        (
            "<object><name>cat</name><bndbox><xmin>l0</xmin></bndbox></object>",
            "xmin 'l0' is no number",
        ),
        (
            "<object><name>cat</name><bndbox><xmin>nan</xmin></bndbox></object>",
            "xmin 'nan' is no number",
        ),
        (
            "<object><name>cat</name><bndbox><xmin>1e39</xmin></bndbox></object>",
            "xmin '1e39' is no number",
        ),
    ];
    for (body, cause) in cases {
        let problem = read(&format!("<object><name>dog</name>{BOX}</object>\n{body}")).unwrap_err();
        let object = problem.object.clone().unwrap();
        assert_eq!((object.index, object.name.as_deref()), (1, Some("cat")));
        assert!(problem.cause.starts_with(cause), "{problem}");
        assert!(problem.cause.contains("line 2, column"), "{problem}");
    }
    let problem = read(&format!("<object>{BOX}</object>")).unwrap_err();
    assert!(problem.cause.contains("<name> is missing"), "{problem}");
    let problem = read("<size><width>wide</width></size>").unwrap_err();
    assert!(problem.cause.contains("width 'wide' is no whole number"), "{problem}");
}

#[test]
fn hostile_xml_is_refused() {
    let bomb = "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><annotation>&b;</annotation>";
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let deep = format!("<annotation>{deep}</annotation>");
    for text in [bomb, "<annotation>", "", "<annotation></wrong>", "<other/>", &deep] {
        parse(text, "a.xml", &Limits::default()).unwrap_err();
    }
    let problem = parse("<annotation>\n  <a></b>\n</annotation>", "a.xml", &Limits::default());
    assert!(problem.unwrap_err().cause.contains("2:6"));
}

#[test]
fn what_has_no_column_is_kept_as_json() {
    let annotation = parse(
        &format!(
            "<annotation verified='yes'><source><database>d</database><image>flickr</image></source>\
             <object><name>cat</name>{BOX}<part><name>head</name></part>\
             <part><name>tail</name></part></object>\
             <object><name>dog</name>{BOX}</object></annotation>"
        ),
        "a.xml",
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(annotation.database.as_deref(), Some("d"));
    let extra: Value = serde_json::from_str(&annotation.extra.unwrap()).unwrap();
    let expected = serde_json::json!({
        "@verified": "yes",
        "source": {"image": "flickr"},
        "objects": [{"part": [{"name": "head"}, {"name": "tail"}]}, {}],
    });
    assert_eq!(extra, expected);
}

#[test]
fn flags_may_be_words() {
    let body = format!(
        "<object><name>cat</name>{BOX}<truncated>1</truncated><difficult>Unspecified</difficult>\
         <occluded>true</occluded></object>"
    );
    let object = read(&body).unwrap().objects.remove(0);
    assert_eq!((object.truncated, object.difficult, object.occluded), (Some(1), None, Some(1)));
}
