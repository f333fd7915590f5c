//! The stops of the tour.

use lakebed::engine::Language;

/// One query, and what it shows.
pub struct Stop {
    pub about: &'static str,
    pub language: Language,
    pub text: &'static str,
}

const fn tql(about: &'static str, text: &'static str) -> Stop {
    Stop { about, language: Language::Tql, text }
}

const fn sql(about: &'static str, text: &'static str) -> Stop {
    Stop { about, language: Language::Sql, text }
}

pub const STOPS: &[Stop] = &[
    tql(
        "Rows hold tensors of their own shapes. TQL needs no FROM: it asks the dataset at hand.",
        "SELECT images, boxes, labels, scene, captions LIMIT 4",
    ),
    tql(
        "Conditions look into tensors: pictures with a ring among five shapes or more.",
        "SELECT labels, captions\n\
         WHERE ANY(labels == 'ring') AND SHAPE(boxes)[0] >= 5\n\
         ORDER BY SHAPE(boxes)[0] DESC LIMIT 5",
    ),
    tql(
        "Subscripts are NumPy's. Only the pictures that a row needs are decoded.",
        "SELECT images[0:32, 0:32, 0:2] AS crop, images[::8, ::8, -1] AS thumbnail,\n\
         \x20      boxes[0] AS first_box\n\
         WHERE scene == 'dusk' AND SHAPE(boxes)[0] > 0 LIMIT 3",
    ),
    tql(
        "Functions reduce, compare and measure: the brightest pictures at night.",
        "SELECT captions, AVG(images) AS brightness, AVG(masks) AS covered\n\
         WHERE scene == 'night' ORDER BY AVG(images) DESC LIMIT 3",
    ),
    tql(
        "Search by vector: the pictures most like one that holds only rings.",
        "SELECT captions, embeddings,\n\
         \x20      COSINE_SIMILARITY(embeddings, ARRAY[0, 0, 0, 1, 0, 0, 0, 0]) AS likeness\n\
         ORDER BY COSINE_SIMILARITY(embeddings, ARRAY[0, 0, 0, 1, 0, 0, 0, 0]) DESC LIMIT 5",
    ),
    tql(
        "Boxes know their convention: how well they match one box [left, top, width, height].",
        "SELECT captions, boxes[0] AS box, IOU(boxes, ARRAY[[40, 40, 40, 40]]) AS overlap\n\
         WHERE SHAPE(boxes)[0] == 1\n\
         ORDER BY IOU(boxes, ARRAY[[40, 40, 40, 40]]) DESC LIMIT 3",
    ),
    tql(
        "Text and JSON beside tensors; a condition on null is neither met nor an error.",
        "SELECT captions, meta, score\n\
         WHERE meta['camera'] == 'roof' AND captions LIKE '*ring*' AND score > 0.8 LIMIT 4",
    ),
    tql(
        "Row aggregates make groups.",
        "SELECT scene, COUNT(*) AS pictures, AVG(score) AS mean_score, MAX(SHAPE(boxes)[0]) AS most_shapes\n\
         GROUP BY scene ORDER BY pictures DESC",
    ),
    tql(
        "Every version stays: what Monday's commit held, by number.",
        "SELECT COUNT(*) AS pictures, MIN(score) AS least FROM dataset@1",
    ),
    sql(
        "The same tables in SQL, all of it: the two best pictures of each scene.",
        "SELECT scene, place, score, captions FROM (\n\
         \x20 SELECT scene, score, captions,\n\
         \x20        row_number() OVER (PARTITION BY scene ORDER BY score DESC NULLS LAST) AS place\n\
         \x20 FROM dataset WHERE tensor_any(labels = 'circle')\n\
         ) AS ranked WHERE place <= 2 ORDER BY scene, place",
    ),
];
